//! Several folders in one view.

use super::*;

/// ```text
/// base/top      mounted at /            file, own/, data/own
/// base/in       mounted at /data/in     f, sub/g
/// base/nested   mounted at /data/in/n   h
/// base/secret   the host's
/// ```
struct Folders {
    base: TempDir,
}

const ALL: [(&str, &str); 3] = [("/", "top"), ("/data/in", "in"), ("/data/in/n", "nested")];

impl Folders {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let at = |path: &str| base.path().join(path);
        for folder in ["top/own", "in/sub", "nested"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in ["secret", "top/file", "in/f", "in/sub/g", "nested/h"] {
            fs::write(at(file), file).unwrap();
        }
        Folders { base }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.base.path().join(path)
    }

    fn view(&self, mounts: &[(&str, &str)]) -> View {
        let open = |folder: &str| Root::open(&self.at(folder)).unwrap();
        let mounts = mounts.iter().map(|(path, folder)| (path.as_bytes().to_vec(), open(folder)));
        View::new(mounts.collect(), Links::Follow).unwrap()
    }
}

fn read(view: &View, path: &str) -> Result<String, Errno> {
    let file = view.find(path.as_bytes(), true)?.open_file(OpenHow::default())?;
    let mut content = vec![0; 100];
    let count = file.read_at(&mut content, 0)?;
    Ok(String::from_utf8(content[..count].to_vec()).unwrap())
}

fn list(view: &View, path: &str) -> Vec<(String, Metadata)> {
    let mut dir = view.find(path.as_bytes(), true).unwrap().open_dir().unwrap();
    let mut entries = Vec::new();
    while dir.next_entries(1, &mut entries).unwrap() {}
    let named = |entry: DirEntry| (String::from_utf8(entry.name).unwrap(), entry.metadata);
    let mut all: Vec<_> = entries.into_iter().map(named).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn names(view: &View, path: &str) -> Vec<String> {
    list(view, path).into_iter().map(|(name, _)| name).collect()
}

fn found<'v>(view: &'v View, path: &str) -> Spot<'v> {
    view.find(path.as_bytes(), false).unwrap()
}

#[test]
fn each_folder_is_where_it_is_mounted() {
    let folders = Folders::new();
    let view = folders.view(&ALL);
    for (path, file) in [
        ("/file", "top/file"),
        ("data/in/f", "in/f"),
        ("//data/./in//sub/g", "in/sub/g"),
        ("/data/in/n/h", "nested/h"),
        ("/data/in/n/../f", "in/f"),
        ("/data/in/../../file", "top/file"),
        ("/data/in/../../../../file", "top/file"),
        ("/own/../data/in/sub/../n/h", "nested/h"),
    ] {
        assert_eq!(read(&view, path).as_deref(), Ok(file), "{path}");
    }
    for path in ["/data/in/file", "/in/f", "/data/in-other", "/data/inf", "/secret", "/../secret"] {
        assert_eq!(read(&view, path), Err(Errno::NOENT), "{path}");
    }
    for (path, canonical) in [
        ("/data/in/..", "/data"),
        ("/data/in/n/../..", "/data"),
        ("/data/in/n/.", "/data/in/n"),
        ("/data/in/new", "/data/in/new"),
        ("/data/in/../new", "/data/new"),
        ("data/..", "/"),
    ] {
        assert_eq!(found(&view, path).path(), canonical.as_bytes(), "{path}");
    }
    assert!(!view.may_hang());
}

#[test]
fn what_leads_to_a_folder_is_there_without_one() {
    let folders = Folders::new();
    let view = folders.view(&[("/data/in", "in"), ("/data/out", "top"), ("/other", "nested")]);
    for path in ["/", "/data", "/data/in/..", "/data/../data", "/other/.."] {
        let metadata = *found(&view, path).metadata().unwrap();
        assert_eq!(metadata.mode, 0o040_555, "{path}");
    }
    assert_eq!(names(&view, "/"), [".", "..", "data", "other"]);
    assert_eq!(names(&view, "/data"), [".", "..", "in", "out"]);
    assert_eq!(list(&view, "/data")[2].1, *found(&view, "/data/in").metadata().unwrap());
    assert_eq!(read(&view, "/data/out/file").as_deref(), Ok("top/file"));
    assert_eq!(view.find(b"/none/x", true).err(), Some(Errno::NOENT));
    assert_eq!(view.find(b"/data/none/x", true).err(), Some(Errno::NOENT));
    let space = found(&view, "/data").space().unwrap();
    assert_eq!(space.id, found(&view, "/data/in").space().unwrap().id);
    assert_eq!(found(&view, "/").open_dir().unwrap().metadata().unwrap().mode, 0o040_555);
}

#[test]
fn nothing_is_made_or_changed_where_no_folder_is() {
    let folders = Folders::new();
    let view = folders.view(&[("/data/in", "in")]);
    for path in ["/new", "/data/new"] {
        let new = found(&view, path);
        assert_eq!(new.metadata(), None);
        assert!(!new.is_fixed());
        assert_eq!(new.mkdir(0o755), Err(Errno::ACCESS));
        assert_eq!(new.symlink(b"x"), Err(Errno::ACCESS));
        assert_eq!(new.open_file(CREATE).err(), Some(Errno::ACCESS));
        assert_eq!(new.open_file(OpenHow::default()).err(), Some(Errno::NOENT));
        assert_eq!(new.open_dir().err(), Some(Errno::NOENT));
        assert_eq!(new.unlink(), Err(Errno::NOENT));
        assert_eq!(new.rmdir(), Err(Errno::NOENT));
        assert_eq!(new.read_link(), Err(Errno::NOENT));
        assert_eq!(new.space().err(), Some(Errno::NOENT));
        assert_eq!(found(&view, "/data/in/f").rename_over(&new), Err(Errno::ACCESS));
        assert_eq!(found(&view, "/data/in/f").rename_exclusive(&new), Err(Errno::ACCESS));
        assert_eq!(found(&view, "/data/in/f").hard_link(&new), Err(Errno::ACCESS));
        assert_eq!(new.rename_over(&found(&view, "/data/in/x")), Err(Errno::NOENT));
    }
    let change = Change { mode: Some(0o777), ..Default::default() };
    assert_eq!(found(&view, "/data").set_stat(&change), Err(Errno::ACCESS));
    assert_eq!(found(&view, "/data").set_stat(&Change::default()), Ok(()));
    assert_eq!(names(&view, "/"), [".", "..", "data"]);
}

#[test]
fn what_the_view_puts_somewhere_stays_there() {
    let folders = Folders::new();
    fs::create_dir_all(folders.at("top/data/in")).unwrap();
    fs::write(folders.at("top/data/own"), "own").unwrap();
    for mounts in [&ALL[..], &ALL[1..]] {
        let view = folders.view(mounts);
        let file = found(&view, "/data/in/f");
        for path in ["/", "/data", "/data/", "/data/in", "/data/in/n", "/data/in/n/"] {
            let fixed = found(&view, path);
            assert!(fixed.is_fixed() && fixed.metadata().unwrap().is_dir(), "{path}");
            assert_eq!(fixed.mkdir(0o755), Err(Errno::EXIST));
            assert_eq!(fixed.symlink(b"x"), Err(Errno::EXIST));
            assert_eq!(fixed.rmdir(), Err(Errno::BUSY));
            assert_eq!(fixed.unlink(), Err(Errno::ISDIR));
            assert_eq!(fixed.read_link(), Err(Errno::INVAL));
            assert_eq!(fixed.open_file(OpenHow::default()).err(), Some(Errno::ISDIR));
            assert_eq!(fixed.open_file(CREATE).err(), Some(Errno::ISDIR));
            assert_eq!(fixed.rename_over(&found(&view, "/data/in/x")), Err(Errno::BUSY));
            assert_eq!(fixed.rename_exclusive(&found(&view, "/data/in/x")), Err(Errno::BUSY));
            assert_eq!(file.rename_over(&fixed), Err(Errno::BUSY));
            assert_eq!(file.rename_exclusive(&fixed), Err(Errno::EXIST));
            assert_eq!(fixed.hard_link(&found(&view, "/data/in/x")), Err(Errno::PERM));
            assert_eq!(file.hard_link(&fixed), Err(Errno::EXIST));
        }
        let change = Change { mode: Some(0o711), ..Default::default() };
        found(&view, "/data/in").set_stat(&change).unwrap();
        assert_eq!(found(&view, "/data/in").metadata().unwrap().mode & 0o777, 0o711);
        assert!(!found(&view, "/data/in/sub").is_fixed());
    }
    let view = folders.view(&ALL);
    let own = Change { mode: Some(0o750), ..Default::default() };
    found(&view, "/data").set_stat(&own).unwrap();
    assert_eq!(found(&view, "/data").metadata().unwrap().mode & 0o777, 0o750, "a real directory");
}

#[test]
fn a_mounted_folder_hides_what_is_at_its_place() {
    let folders = Folders::new();
    let mounted = ["/", "/data/in", "/data/in/n", "/way/to", "/link/to", "/name"];
    fs::create_dir_all(folders.at("top/data/in/hidden")).unwrap();
    fs::write(folders.at("top/data/own"), "own").unwrap();
    fs::write(folders.at("top/way"), "a file").unwrap();
    symlink(folders.base.path(), folders.at("top/link")).unwrap();
    symlink("/file", folders.at("top/name")).unwrap();
    let names_of = ["top", "in", "nested", "in", "in", "in"];
    let mounts: Vec<_> = mounted.into_iter().zip(names_of).collect();
    let view = folders.view(&mounts);
    assert_eq!(names(&view, "/"), [".", "..", "data", "file", "link", "name", "own", "way"]);
    assert_eq!(names(&view, "/data"), [".", "..", "in", "own"]);
    assert_eq!(names(&view, "/data/in"), [".", "..", "f", "n", "sub"]);
    assert_eq!(names(&view, "/way"), [".", "..", "to"]);
    assert_eq!(names(&view, "/link"), [".", "..", "to"]);
    for path in ["/way/to/f", "/link/to/f", "/name/f", "/link/../name/../way/to/f"] {
        assert_eq!(read(&view, path).as_deref(), Ok("in/f"), "{path}");
    }
    for path in ["/data/in/hidden", "/link/secret", "/link/in", "/way/x"] {
        assert_eq!(found(&view, path).metadata(), None, "{path}");
    }
    // What a listing says of a name is what looking at the name says.
    for directory in ["/", "/data", "/data/in", "/data/in/n", "/way", "/link"] {
        for (name, metadata) in list(&view, directory) {
            let spot = found(&view, &format!("{directory}/{name}"));
            assert_eq!(spot.metadata(), Some(&metadata), "{name} in {directory}");
        }
    }
}

#[test]
fn links_lead_from_folder_to_folder_and_never_out() {
    let folders = Folders::new();
    let view = folders.view(&ALL);
    for (link, target) in [
        ("top/absolute", "/data/in/sub"),
        ("top/relative", "data/in"),
        ("top/out", "../../../../../../secret"),
        ("top/host", folders.at("secret").to_str().unwrap()),
        ("in/up", ".."),
        ("in/to-top", "../../file"),
        ("in/to-nested", "n/h"),
        ("in/far-out", "../../../secret"),
        ("nested/chain", "/relative/to-top"),
        ("nested/around", "../up/../absolute/../n/around-again"),
        ("nested/around-again", "/data/in/n/chain"),
        ("nested/new", "/data/in/sub/made"),
    ] {
        symlink(target, folders.at(link)).unwrap();
    }
    for (path, content) in [
        ("/absolute/g", "in/sub/g"),
        ("/absolute/../f", "in/f"),
        ("/relative/n/h", "nested/h"),
        ("/data/in/up/in/f", "in/f"),
        ("/data/in/up/../file", "top/file"),
        ("/data/in/to-top", "top/file"),
        ("/data/in/to-nested", "nested/h"),
        ("/data/in/n/chain", "top/file"),
        ("/data/in/n/around", "top/file"),
    ] {
        assert_eq!(read(&view, path).as_deref(), Ok(content), "{path}");
    }
    for path in ["/out", "/host", "/data/in/far-out", "/data/in/up/../../secret"] {
        assert_eq!(read(&view, path), Err(Errno::NOENT), "{path}");
    }
    let new = view.find(b"/data/in/n/new", true).unwrap();
    assert_eq!(new.path(), b"/data/in/sub/made");
    new.open_file(CREATE).unwrap();
    assert!(folders.at("in/sub/made").exists());
    assert_eq!(view.find(b"/data/in/up", true).unwrap().path(), b"/data");
}

#[test]
fn files_move_between_folders_of_one_filesystem() {
    let folders = Folders::new();
    let view = folders.view(&ALL);
    found(&view, "/file").rename_over(&found(&view, "/data/in/f")).unwrap();
    assert_eq!(read(&view, "/data/in/f").as_deref(), Ok("top/file"));
    found(&view, "/data/in/f").rename_exclusive(&found(&view, "/data/in/n/new")).unwrap();
    found(&view, "/data/in/n/new").hard_link(&found(&view, "/file")).unwrap();
    let taken = found(&view, "/data/in/n/h");
    assert_eq!(found(&view, "/file").rename_exclusive(&taken), Err(Errno::EXIST));
    assert_eq!(found(&view, "/file").metadata().unwrap().nlink, 2);
}

#[test]
fn only_canonical_paths_are_mounted_once() {
    let folders = Folders::new();
    let root = Root::open(&folders.at("in")).unwrap();
    let mount = |paths: &[&str]| {
        let mounts = paths.iter().map(|path| (path.as_bytes().to_vec(), root.clone())).collect();
        View::new(mounts, Links::Follow).err()
    };
    for path in ["data", "/data/", "//data", "/a/./b", "/a/../b", "/..", "/.", "//", ".", "/a\0"] {
        assert_eq!(mount(&[path]), Some(Errno::INVAL), "{path}");
    }
    assert_eq!(mount(&[""]), Some(Errno::NOENT));
    assert_eq!(mount(&["/a", "/", "/a"]), Some(Errno::EXIST));
    assert_eq!(mount(&["/a", "/", "/a/b", "/ab"]), None);
    let empty = View::new(Vec::new(), Links::Follow).unwrap();
    assert_eq!(names(&empty, "/"), [".", ".."], "no folder at all");
}
