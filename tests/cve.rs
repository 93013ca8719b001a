//! What went wrong elsewhere, and the tests that would have caught it: one row for each CVE,
//! advisory or commit, with the names of its tests, which must be there. A row that cannot happen
//! here says why, so that whoever builds the missing feature finds it.
//!
//! Classes: A state machine, B authentication, C allocation, D loops and panics, E lifetime,
//! F paths and files.

use std::fs;
use std::path::Path;

/// The tests of a row, or the reason why there are none.
enum Held {
    By(&'static [&'static str]),
    NotHere(&'static str),
}

use Held::{By, NotHere};

/// Every row of the classes A to F.
const ROWS: &[(&str, Held)] = &[
    // A. The state machine, and the gate before the login.
    (
        "CVE-2018-10933 libssh: a server that takes USERAUTH_SUCCESS",
        By(&[
            "cve_2018_10933_a_server_takes_no_success",
            "every_number_in_every_state_of_a_server_is_as_the_manual_says",
        ]),
    ),
    (
        "CVE-2018-7750, CVE-2018-1000805 paramiko: CHANNEL_OPEN before the login",
        By(&[
            "cve_2018_7750_nothing_passes_before_the_first_keys",
            "cve_2018_7750_cve_2018_1000805_no_channel_before_the_login",
            "every_number_in_every_state_of_a_server_is_as_the_manual_says",
        ]),
    ),
    (
        "CVE-2018-7749 asyncssh: tables of both roles mixed",
        By(&[
            "every_number_in_every_state_of_a_client_is_as_the_manual_says",
            "cve_2018_7749_neither_role_takes_the_others_messages",
        ]),
    ),
    (
        "CVE-2025-32433 Erlang: requests before the login",
        By(&[
            "cve_2025_32433_ccs25_erlang_early_channel_open",
            "cve_2025_32433_nothing_is_run_before_the_login",
        ]),
    ),
    (
        "CVE-2023-46445 asyncssh: rogue extension",
        By(&["cve_2023_46445_no_extension_before_newkeys"]),
    ),
    (
        "CVE-2023-46446 asyncssh, Tectia: rogue session",
        By(&[
            "cve_2023_46446_no_login_before_newkeys",
            "ccs25_tectia_a_login_before_kexinit",
            "ccs25_tectia_a_login_behind_kexinit",
        ]),
    ),
    (
        "CVE-2023-48795 Terrapin, russh #358 and #577",
        By(&[
            "cve_2023_48795_the_first_packets_under_keys_cannot_be_dropped",
            "cve_2023_48795_only_the_first_exchange_is_strict",
            "cve_2023_48795_the_four_settings_against_each_other",
            "every_message_at_every_step_of_the_first_exchange_is_fatal",
            "small_talk_at_every_step_of_a_later_exchange_is_tolerated",
            "sequence_numbers_start_again_at_every_newkeys",
        ]),
    ),
    (
        "CCS 2025, arXiv 2509.10895: the other traces",
        By(&[
            "ccs25_asyncssh_a_second_group_request_is_not_answered",
            "ccs25_dropbear_an_ignore_before_newkeys",
            "ccs25_erlang_a_channel_open_behind_kexinit",
            "ccs25_lancom_a_channel_open_behind_kexinit_is_not_answered",
            "ccs25_libssh_a_second_group_request_is_not_passed_over",
            "ccs25_tinyssh_a_channel_open_before_newkeys",
        ]),
    ),
    (
        "russh 5e91396: a message before KEXINIT panics",
        By(&["commit_5e91396_any_message_before_the_kexinit"]),
    ),
    (
        "russh f2354c7: a message for a channel that is not open yet",
        By(&["a_channel_that_is_not_open_takes_nothing"]),
    ),
    (
        "russh 7c5659f, 6da3f4a, Dropbear OTP 8676: guesses",
        By(&[
            "commit_6da3f4a_guesses_of_every_method_right_and_wrong",
            "commit_7c5659f_a_wrong_guess_of_the_server",
            "a_guess_of_the_servers_second_choice_is_passed_over",
            "an_announced_guess_lets_nothing_else_through",
        ]),
    ),
    (
        "CVE-2026-46705 russh: the user changes within the login",
        By(&[
            "the_user_and_the_service_stay_what_they_are",
            "cve_2026_46705_changing_the_user_or_the_service_ends_it",
            "cve_2026_46705_failures_of_one_user_are_not_the_next_ones",
        ]),
    ),
    // B. What authentication means.
    (
        "CVE-2024-45337 x/crypto: the key probed last is taken for the one that signed",
        By(&[
            "cve_2024_45337_a_probed_key_is_not_the_key_that_signs",
            "cve_2024_45337_a_hostbound_probe_is_not_the_key_that_signs",
            "cve_2024_45337_a_key_probed_and_another_that_signs",
            "cve_2024_45337_no_way_round_the_signature",
        ]),
    ),
    (
        "CVE-2026-46595, CVE-2026-56854 x/crypto: options of a key skipped by another method",
        By(&[
            "options_of_a_key_are_asked_at_each_attempt",
            "options_in_front_of_an_authority_hold_for_its_certificates",
            "what_a_certificate_says_of_itself_counts_whoever_signed_it",
        ]),
    ),
    (
        "CVE-2026-39828 x/crypto, Dropbear 2026.9x: restrictions lost on the way",
        NotHere("one method is enough to log in; there is no partial success to carry over"),
    ),
    (
        "OpenSSH 10.3: principals with a comma, none at all",
        By(&[
            "commit_openssh_10_3_a_comma_is_in_no_principal",
            "commit_openssh_10_3_no_principals_are_nobody",
            "commit_openssh_10_3_a_comma_makes_no_two_principals",
            "commit_openssh_10_3_a_comma_in_a_principal_names_nobody",
            "commit_openssh_10_3_without_principals_it_is_for_nobody",
            "commit_openssh_10_3_no_principals_are_no_user",
            "commit_openssh_10_3_no_way_in_with_a_bad_certificate",
        ]),
    ),
    (
        "Dropbear, x/crypto knownhosts: a long line turned into two",
        By(&[
            "a_line_may_be_64_kib_and_no_longer",
            "garbage_is_rejected_and_the_rest_of_the_file_counts",
        ]),
    ),
    (
        "CVE-2026-39829 x/crypto: huge RSA keys",
        By(&[
            "cve_2026_39829_rsa_keys_outside_the_bounds",
            "cve_2026_39829_a_certificate_signs_no_certificate",
            "cve_2020_9283_cve_2026_39829_malformed_keys_fail_cleanly",
        ]),
    ),
    (
        "CVE-2020-9283 x/crypto: a short Ed25519 key panics",
        By(&[
            "cve_2020_9283_ed25519_keys_and_signatures_of_the_wrong_length",
            "cve_2020_9283_cve_2026_39829_malformed_keys_fail_cleanly",
        ]),
    ),
    (
        "CVE-2018-15473, CVE-2016-6210, CVE-2026-48859: who exists",
        By(&[
            "cve_2018_15473_cve_2016_6210_cve_2026_48859_a_user_nobody_knows_gets_the_same_answers",
            "a_key_opens_for_its_own_user_only",
            "the_password_of_one_run_works_for_its_user_only",
            "unknown_user_is_refused",
        ]),
    ),
    (
        "CVE-2016-20012 OpenSSH: whether a user's key is listed",
        NotHere("PK_OK says so, as RFC 4252 has it and OpenSSH does; it needs the public key"),
    ),
    (
        "CVE-2024-31497 PuTTY: biased P-521 nonces",
        By(&["cve_2024_31497_p521_nonces_use_all_their_bits", "rfc_6979_a_2"]),
    ),
    (
        "CVE-2023-28113 thrussh, russh a7fc1eb and 8da8967: public values unchecked",
        By(&[
            "cve_2023_28113_points_of_low_order",
            "cve_2023_28113_public_values_outside_the_group",
            "cve_2023_28113_values_of_one_byte_for_every_method",
            "a_server_refuses_hostile_values_with_a_disconnect",
            "a_client_refuses_hostile_values_with_a_disconnect",
        ]),
    ),
    // C. Memory by numbers from the wire.
    (
        "CVE-2024-43410 russh: packet_length is allocated before it is checked",
        By(&[
            "cve_2024_43410_a_packet_length_allocates_nothing",
            "cve_2024_43410_lengths_out_of_bounds_under_every_cipher",
            "lengths_out_of_range_are_fatal_before_the_body_comes",
        ]),
    ),
    (
        "CVE-2026-42189 russh, ProFTPD 3973: a count in INFO_RESPONSE",
        By(&[
            "lengths_before_the_login_allocate_nothing",
            "cve_2026_42189_as_many_answers_as_questions",
        ]),
    ),
    (
        "CVE-2026-46673 russh: frames of an agent",
        NotHere("there is no agent, and no client of one"),
    ),
    (
        "pkg/sftp 2026-07: extended_count",
        By(&["lengths_and_counts_of_sftp_requests_allocate_nothing"]),
    ),
    (
        "lengths and counts of every other message",
        By(&[
            "lengths_in_the_first_exchange_allocate_nothing",
            "lengths_after_the_login_allocate_nothing",
        ]),
    ),
    (
        "CVE-2026-46702 russh: 256 KiB that become any number",
        By(&["cve_2026_46702_a_bomb_ends_the_connection"]),
    ),
    (
        "CVE-2025-26466 OpenSSH: PINGs before the login",
        By(&[
            "cve_2025_26466_pings_leave_nothing_where_answers_would_pile_up",
            "pings_are_answered_after_authentication_only",
        ]),
    ),
    (
        "CVE-2025-22869 x/crypto 7292932, Dropbear d35cf537: a KEXINIT that is never answered",
        By(&[
            "cve_2025_22869_answers_behind_a_withheld_kexinit_are_bounded",
            "cve_2025_22869_a_download_stops_behind_a_withheld_kexinit",
            "cve_2025_22869_a_peer_that_never_answers_a_kexinit_is_cut",
            "commit_d35cf537_kexinits_without_end_are_refused",
        ]),
    ),
    (
        "x/crypto 6c195c8, Erlang: channels refused and kept",
        By(&[
            "channels_are_bounded_and_refused_ones_leave_nothing",
            "cve_2026_3982x_refused_channels_leave_nothing",
        ]),
    ),
    (
        "CVE-2025-48038, CVE-2025-48041 Erlang: handles of any length and number",
        By(&["handles_that_do_not_exist"]),
    ),
    // D. Loops, deadlocks, panics.
    (
        "CVE-2026-39830 x/crypto: replies nobody asked for",
        By(&[
            "cve_2026_39830_a_hundred_thousand_unsolicited_replies",
            "cve_2026_39830_unsolicited_replies_leave_nothing",
        ]),
    ),
    (
        "CVE-2026-39834 x/crypto, ProFTPD 2242: packets of nothing",
        By(&[
            "cve_2026_39834_proftpd_2242_writing_ends_whatever_the_peer_takes",
            "proftpd_2242_packets_of_nothing_are_refused_and_tiny_ones_work",
        ]),
    ),
    (
        "CVE-2025-54804 russh: a window past 2^32",
        By(&["cve_2025_54804_a_window_grown_past_32_bits_ends_it"]),
    ),
    (
        "CVE-2026-54886 Erlang: data where none may come",
        By(&[
            "cve_2026_54886_data_after_eof_or_close_and_for_no_channel_ends_it",
            "cve_2026_54886_extended_data_is_counted_and_ends",
            "data_past_our_window_ends_it",
        ]),
    ),
    (
        "CVE-2026-46597 x/crypto, SFTPGo 760bf692 and 9beb694: malformed requests panic",
        By(&[
            "cve_2026_46597_commit_760bf692_every_message_cut_at_every_byte_ends_it",
            "commit_9beb694_what_a_client_is_told_cut_at_every_byte_ends_it",
            "random_messages_neither_panic_nor_hang",
        ]),
    ),
    ("russh 0363fde: a private key file panics", By(&["cve_2020_9283_files_cut_anywhere"])),
    (
        "CVE-2026-55199 libssh2: a count in EXT_INFO",
        By(&["cve_2026_55199_a_count_of_extensions_is_no_loop"]),
    ),
    (
        "RUSTSEC-2024-0336 rustls: a call that never gets on",
        By(&[
            "rustsec_2024_0336_each_call_gets_on",
            "rustsec_2024_0336_each_call_gets_on_with_messages",
        ]),
    ),
    // E. Signals, concurrency, lifetime.
    (
        "CVE-2024-6387 OpenSSH: what runs when the time to log in is over",
        By(&["cve_2024_6387_a_hundred_thousand_deadlines", "a_login_that_takes_too_long_is_cut"]),
    ),
    (
        "RUSTSEC-2020-0021 rio: a buffer given back while the kernel writes to it",
        By(&["dropping_a_ring_returns_everything", "a_cancelled_transfer_is_not_continued"]),
    ),
    (
        "CVE-2025-8277 libssh: wrong guesses leave keys behind",
        By(&["cve_2025_8277_wrong_guesses_leave_nothing", "exchanges_of_keys_leave_nothing"]),
    ),
    (
        "CVE-2025-8114 libssh: an exchange broken off",
        By(&["cve_2025_8114_an_exchange_broken_off_at_any_step"]),
    ),
    (
        "liburing 187, 248: short transfers in a chain",
        By(&["a_short_transfer_is_continued_until_it_is_whole"]),
    ),
    // F. Paths and files.
    (
        "CVE-2026-23942 Erlang, CVE-2026-40876 goshs, CVE-2026-49244 SFTPGo: the root as a prefix",
        By(&[
            "cve_2026_23942_cve_2026_40876_cve_2026_49244_a_folder_named_like_the_root_is_outside",
            "paths_out_of_the_root_find_nothing",
        ]),
    ),
    (
        "CVE-2026-30914 SFTPGo: a path that is judged before it is normalised",
        By(&["cve_2026_30914_every_spelling_of_a_path_meets_its_rule"]),
    ),
    (
        "CVE-2026-30915 SFTPGo: a user name in a path",
        By(&["cve_2026_30915_a_user_name_is_no_path"]),
    ),
    (
        "CVE-2026-48855 Erlang: READLINK tells where the root is",
        By(&[
            "cve_2026_48855_no_answer_tells_where_the_root_is",
            "where_a_folder_is_on_the_host_is_not_told",
        ]),
    ),
    (
        "CVE-2026-48827 MINA: paths of git commands",
        NotHere("there is no git command, nor any other program to run"),
    ),
    (
        "CVE-2023-35887 MINA: what is outside shows by the answers",
        By(&["cve_2023_35887_what_is_outside_answers_like_what_is_nowhere"]),
    ),
    (
        "SFTPGo, asyncssh: links exchanged while a path is resolved",
        By(&[
            "nothing_outside_is_reached_while_four_threads_swap_what_paths_lead_through",
            "swapping_a_folder_for_a_symlink_wins_nothing",
        ]),
    ),
    (
        "CVE-2018-20685, CVE-2019-6109, 6110, 6111, CVE-2026-0964, 35385: names a client is sent",
        NotHere("there is no client that fetches files yet"),
    ),
    (
        "CVE-2015-3306, CVE-2019-12815 ProFTPD mod_copy: copies past the permissions",
        By(&[
            "cve_2015_3306_cve_2019_12815_a_copy_needs_the_permissions_of_both_folders",
            "what_a_withheld_permission_is_for_is_denied_and_changes_nothing",
        ]),
    ),
    (
        "ProFTPD 2180: SETSTAT and FSETSTAT past the rules",
        By(&["proftpd_2180_attributes_change_by_the_folders_rule_by_path_and_by_handle"]),
    ),
    (
        "ProFTPD 2256: a rename between filesystems follows links",
        NotHere("a rename between filesystems is EXDEV: nothing is copied in its place"),
    ),
    (
        "CVE-2020-15778 OpenSSH: a shell expands scp's paths",
        NotHere("there is no scp command yet, and no shell behind it ever"),
    ),
    (
        "OpenSSH: the arguments of SYMLINK in the other order",
        By(&["two_clients_keep_to_the_draft"]),
    ),
    (
        "ProFTPD 3312 to 3314: opening a FIFO waits for its other end",
        By(&["what_is_not_a_file_neither_opens_nor_blocks"]),
    ),
];

/// All our Rust, one text.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> =
        ["src", "sftp/src", "sftp/tests", "tests"].map(|at| root.join(at)).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}

/// Whether `name` is a function marked as a test, in `text`.
fn is_test(text: &str, name: &str) -> bool {
    let declared = format!("fn {name}(");
    text.match_indices(&declared).any(|(at, _)| {
        let before = &text[..at];
        let attribute = before.rfind("#[test]").or_else(|| before.rfind("#["));
        let between = attribute.map_or("", |from| &before[from..]);
        between.starts_with("#[test]") && !between.contains('{')
    })
}

#[test]
fn every_row_has_a_test() {
    let text = sources();
    let mut missing = Vec::new();
    for (row, held) in ROWS {
        match held {
            By(names) => {
                assert!(!names.is_empty(), "{row}: no test and no reason");
                missing.extend(
                    names.iter().filter(|name| !is_test(&text, name)).map(|name| (row, name)),
                );
            }
            NotHere(reason) => assert!(reason.len() > 20, "{row}: no reason"),
        }
    }
    assert!(missing.is_empty(), "rows that have lost a test:\n{missing:#?}");
}

#[test]
fn a_test_that_is_gone_is_missed() {
    let text = "#[test]\nfn here() {}\n\n#[test]\n#[ignore]\nfn later() {}\n\nfn no_test() {}\n";
    assert!(is_test(text, "here") && is_test(text, "later"));
    for name in ["no_test", "gone", "her", "here_too"] {
        assert!(!is_test(text, name), "{name}");
    }
}
