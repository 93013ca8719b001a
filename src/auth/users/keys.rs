//! The keys and certificates of all users, and whether one that is shown is somebody's.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{NO_SUCH_USER, Person};
use crate::auth::authorized_keys::{Demands, Unfit};
use crate::auth::certificate::{Flaw, Terms};
use crate::auth::{Attempt, AuthorizedKey, KeyOptions, Trust};
use crate::crypto::{Certificate, KeyLabel, Presence};
use crate::crypto::{is_security_key_blob, key_type_of, plain_algorithm};

/// The keys each user may log in with.
///
/// A key counts for its user only, so what is kept is a digest of both together. An attempt makes
/// one digest of the name and one of name and key, and compares each with every one there is, in
/// constant time: neither the time nor the answer tells whether the name is known, whose the key
/// is, or how near they came. What a certificate says of itself is looked at whoever is named.
#[derive(Clone, Default)]
pub(super) struct KeyRing {
    names: Vec<[u8; 32]>,
    /// Digests of the principals whose certificates are each user's; at the end those of an unknown
    /// user, whom no certificate names.
    principals: Vec<Vec<[u8; 32]>>,
    entries: Vec<Entry>,
    /// Digests of the keys of all authorities that some line lists.
    authorities: Vec<[u8; 32]>,
    trust: Trust,
}

/// A user's key, or an authority of his, and what it is good for.
#[derive(Clone)]
struct Entry {
    digest: [u8; 32],
    options: KeyOptions,
}

/// How a key is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Somebody asks whether it would do.
    Offered,
    /// It has signed. A security key has told about its owner.
    Proven(Option<Presence>),
}

impl Shown {
    /// What is missing of what `demands` ask of `key`, a plain public key.
    fn lacks(self, demands: Demands, key: &[u8]) -> Option<Unfit> {
        match self {
            // Nobody has signed yet: the signature will tell.
            Self::Offered => None,
            Self::Proven(presence) if is_security_key_blob(key) => {
                demands.unmet(Some(presence.unwrap_or_default()))
            }
            Self::Proven(_) => demands.unmet(None),
        }
    }
}

/// What came of looking for a key or an authority.
struct Found {
    listed: Choice,
    granted: Choice,
    /// Why it is not granted where it is listed.
    unfit: Option<Unfit>,
}

impl KeyRing {
    /// The keys and principals of `people`.
    pub(super) fn new(people: &[Person]) -> Self {
        let mut made = Self::default();
        for person in people {
            let name = person.name.as_str();
            made.names.push(digest_of_name(name));
            made.principals.push(match &person.principals[..] {
                [] => vec![digest_of_name(name)],
                names => names.iter().map(|principal| digest_of_name(principal)).collect(),
            });
            for AuthorizedKey { blob, options, .. } in &person.keys {
                let authority = options.is_authority();
                let digest = digest_of_entry(name, authority, blob);
                made.entries.push(Entry { digest, options: options.clone() });
                if authority {
                    made.authorities.push(Sha256::digest(blob).into());
                }
            }
        }
        made.principals.push(vec![[0; 32]]);
        made
    }

    /// Whose certificates are taken, besides those of the authorities among the keys, and what is
    /// revoked.
    pub(super) fn trusting(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// How many keys and authorities there are.
    pub(super) fn keys(&self) -> usize {
        self.entries.len()
    }

    /// Whether somebody is called so, and his place among the names, or the one behind the last.
    pub(super) fn place(&self, name: &str) -> (Choice, usize) {
        let wanted = digest_of_name(name);
        let end = u64::try_from(self.names.len()).unwrap_or(u64::MAX);
        // Every one is looked at, wherever the first that matches may be.
        let (known, place) =
            (0..).zip(&self.names).fold((Choice::from(0), end), |(known, place), (at, one)| {
                let same = one.ct_eq(&wanted);
                (known | same, u64::conditional_select(&place, &at, same))
            });
        (known, usize::try_from(place).unwrap_or(usize::MAX))
    }

    /// Whether `digest` is listed, and good for something. `unfit` says why what stands in front of
    /// it does not do. A key may be listed more than once; what one line takes away another may
    /// grant.
    fn find(&self, digest: [u8; 32], unfit: impl Fn(&KeyOptions) -> Option<Unfit>) -> Found {
        let no = Choice::from(0);
        let mut found = Found { listed: no, granted: no, unfit: None };
        for entry in &self.entries {
            // Asked of each, whether it is the one or not, so that the work is the same.
            let (same, unfit) = (entry.digest.ct_eq(&digest), unfit(&entry.options));
            found.listed |= same;
            found.granted |= same & Choice::from(u8::from(unfit.is_none()));
            if bool::from(same) {
                found.unfit = found.unfit.or(unfit);
            }
        }
        found
    }

    /// Whether a key or a certificate that is offered, or proven, is good for the user now and from
    /// there.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(super) fn judge(
        &self,
        user: &str,
        blob: &[u8],
        shown: Shown,
        attempt: &Attempt,
    ) -> Result<(), String> {
        let certified = key_type_of(blob).is_some_and(|kind| plain_algorithm(kind) != kind);
        // Both are always asked, so that the work is the same for everybody.
        let ((known, _), judged) = match certified {
            true => (self.place(user), self.judge_certificate(user, blob, shown, attempt)),
            false => (self.place(user), self.judge_plain(user, blob, shown, attempt)),
        };
        // Made whoever it is: what one allocation takes can be measured.
        let nobody = Err(NO_SUCH_USER.to_owned());
        let [verdict, _other] = if bool::from(known) { [judged, nobody] } else { [nobody, judged] };
        verdict
    }

    fn judge_plain(
        &self,
        user: &str,
        blob: &[u8],
        shown: Shown,
        attempt: &Attempt,
    ) -> Result<(), String> {
        let revoked = self.trust.revoked().has_key(blob);
        let found = self.find(digest_of_entry(user, false, blob), |options| {
            options.unfit_for(attempt).or_else(|| shown.lacks(options.demands(), blob))
        });
        if bool::from(found.granted) && !revoked {
            return Ok(());
        }
        let label = KeyLabel::of(blob);
        Err(match found.unfit.filter(|_| found.listed.into()) {
            _ if revoked => format!("{label} is revoked"),
            Some(unfit) => format!("{label} {unfit}"),
            None => format!("{label} is not authorized"),
        })
    }

    fn judge_certificate(
        &self,
        user: &str,
        blob: &[u8],
        shown: Shown,
        attempt: &Attempt,
    ) -> Result<(), String> {
        let unread = |error| format!("{}: {error}", KeyLabel::of(blob));
        let certificate = Certificate::unverified(blob).map_err(unread)?;
        // Anybody can have a certificate signed, by a key that takes long to verify with: only what
        // a known authority has signed is worth it. Which these are is no secret, and the same for
        // every user.
        if self.knows_authority(&certificate) {
            Certificate::from_blob(blob).map_err(unread)?;
        }
        let flaw = self.flaw(user, &certificate, shown, attempt);
        match flaw {
            None => Ok(()),
            Some(flaw) => Err(format!("{} {flaw}", KeyLabel::of_certificate(&certificate))),
        }
    }

    /// Why a certificate does not do for `user`. Whether he is known makes no difference.
    fn flaw(
        &self,
        user: &str,
        certificate: &Certificate,
        shown: Shown,
        attempt: &Attempt,
    ) -> Option<Flaw> {
        if self.trust.revoked().has_certificate(certificate) {
            return Some(Flaw::Revoked);
        }
        // Nor are the many names of others' certificates worth comparing.
        if !self.knows_authority(certificate) {
            return Some(Flaw::UnknownAuthority);
        }
        let general = self.trust.is_authority(&authority_of(certificate));
        let terms = match Terms::of(certificate) {
            Ok(terms) => terms,
            Err(flaw) => return Some(flaw),
        };
        if let Some(flaw) = terms.flaw(certificate, attempt) {
            return Some(flaw);
        }
        let (key, names_user) = (certificate.key_blob(), self.names_user(user, certificate));
        let of_everybody = shown.lacks(terms.demands, key);
        let digest = digest_of_entry(user, true, certificate.authority_blob());
        let found = self.find(digest, |options| {
            let admits = options.admits(certificate.principals(), names_user);
            let unfit = (!bool::from(admits)).then_some(Unfit::Principals);
            let demands = terms.demands.and(options.demands());
            unfit.or_else(|| options.unfit_for(attempt)).or_else(|| shown.lacks(demands, key))
        });
        let good = Choice::from(u8::from(of_everybody.is_none()));
        if bool::from(found.granted | general & names_user & good) {
            return None;
        }
        Some(match found.unfit.filter(|_| found.listed.into()) {
            Some(unfit) => Flaw::Unfit(unfit),
            None if !bool::from(general) => Flaw::UnknownAuthority,
            None if !bool::from(names_user) => Flaw::OtherUser,
            None => of_everybody.map_or(Flaw::OtherUser, Flaw::Unfit),
        })
    }

    /// Whether somebody's certificates are those of this one's authority.
    fn knows_authority(&self, certificate: &Certificate) -> bool {
        let authority = authority_of(certificate);
        let general = self.trust.is_authority(&authority);
        let listed = self.authorities.iter();
        listed.fold(general, |found, one| found | one.ct_eq(&authority)).into()
    }

    /// Whether a certificate names the user, or one of the names that stand for him.
    fn names_user(&self, user: &str, certificate: &Certificate) -> Choice {
        let (_, place) = self.place(user);
        let own = self.principals.get(place).map(Vec::as_slice).unwrap_or_default();
        let mut named = Choice::from(0);
        for principal in certificate.principals() {
            let digest = digest_of_name(principal);
            named = own.iter().fold(named, |named, one| named | one.ct_eq(&digest));
        }
        named
    }
}

fn authority_of(certificate: &Certificate) -> [u8; 32] {
    Sha256::digest(certificate.authority_blob()).into()
}

fn digest_of_name(name: &str) -> [u8; 32] {
    Sha256::digest(name.as_bytes()).into()
}

/// The name goes in as its digest, which has one length: no name and key run into one another. A
/// key that signs certificates is another thing than one that logs in.
fn digest_of_entry(name: &str, authority: bool, blob: &[u8]) -> [u8; 32] {
    let head = Sha256::new().chain_update(digest_of_name(name)).chain_update([u8::from(authority)]);
    head.chain_update(blob).finalize().into()
}
