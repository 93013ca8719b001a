//! The groups of the Diffie-Hellman group exchange, from files as sshd's `ModuliFile`.

use std::path::PathBuf;

use super::failure::Failure;
use super::private_file::{self, Refusal};
use crate::crypto::{MODULI_FILE_BYTES_MAX, Moduli, ModuliProblem};

/// Whoever may write the file may choose groups whose logarithms they know.
const MODE_BANNED: u32 = 0o022;

/// The groups of `files`, and a warning for each line that was passed over.
pub(crate) fn load(files: &[PathBuf]) -> Result<(Moduli, Vec<String>), Failure> {
    let mut text = Vec::new();
    let mut found = 0;
    let mut warnings = Vec::new();
    for path in files {
        let shown = path.display();
        let bytes = private_file::read(path, MODULI_FILE_BYTES_MAX, MODE_BANNED)
            .map_err(|refusal| refused(&shown.to_string(), &refusal))?;
        let (groups, problems) = Moduli::parse(&bytes);
        let told = |problem: &ModuliProblem| format!("moduli_file {shown}: {problem}");
        warnings.extend(problems.iter().map(told));
        if groups.groups().is_empty() {
            warnings.push(format!("moduli_file {shown}: no group of 2048 to 8192 bits in it"));
        }
        found += groups.groups().len();
        text.extend_from_slice(&bytes);
        text.push(b'\n');
    }
    let (moduli, _) = Moduli::parse(&text);
    let kept = moduli.groups().len();
    if kept < found {
        warnings.push(format!("moduli_file: of {found} groups in all files {kept} are used"));
    }
    Ok((moduli, warnings))
}

fn refused(shown: &str, refusal: &Refusal) -> Failure {
    let (what, cure) = match refusal {
        Refusal::Missing => ("there is no such file".to_owned(), None),
        Refusal::Io(error) => (error.to_string(), None),
        Refusal::NotRegular => ("it is not a regular file".to_owned(), None),
        Refusal::TooLong => (format!("it is longer than {MODULI_FILE_BYTES_MAX} bytes"), None),
        Refusal::Mode(mode) => {
            (format!("mode {mode:04o} lets others write it"), Some(format!("chmod go-w {shown}")))
        }
    };
    let failure = Failure::configuration(format!("moduli_file {shown}: {what}"));
    let readable = "name a file in the format of moduli(5) that the server can read";
    failure.cure(cure.unwrap_or_else(|| readable.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// RFC 3526's group of 2048 bits as a line of moduli(5).
    fn line() -> String {
        let mut random = crate::crypto::ChaChaRandom::from_seed([1; 32]);
        let group = Moduli::default().choose(2048, 2048, 2048, &mut random).unwrap();
        let digits: String = group.prime().iter().map(|byte| format!("{byte:02X}")).collect();
        format!("20260101000000 2 6 100 2047 2 {digits}\n")
    }

    #[test]
    fn files_are_read_and_their_mistakes_told() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
        std::fs::write(&good, line()).unwrap();
        std::fs::write(&bad, "# nothing\n1 2 3\n").unwrap();
        let (moduli, warnings) = load(&[good.clone(), bad]).unwrap();
        assert_eq!(moduli.groups().len(), 1);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("bad: line 2"), "{warnings:?}");
        assert!(warnings[1].contains("no group"), "{warnings:?}");
        assert!(load(&[]).unwrap().0.groups().is_empty());

        std::fs::set_permissions(&good, std::fs::Permissions::from_mode(0o666)).unwrap();
        let failure = load(&[good]).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert!(failure.cure.unwrap().starts_with("chmod go-w"));
        assert!(load(&[folder.path().join("missing")]).is_err());
    }
}
