//! Links refused, and what the text of a link may tell.

use super::*;

fn refusing(tree: &Tree) -> View {
    let root = Root::open(&tree.host("")).unwrap();
    View::new(vec![(b"/".to_vec(), root)], Links::Refuse).unwrap()
}

#[test]
fn refused_links_lead_nowhere_but_are_there() {
    let tree = Tree::new();
    tree.link("sub", "link");
    tree.link("file", "to-file");
    tree.link("nowhere", "dangling");
    let view = refusing(&tree);
    for path in [&b"link/inner"[..], b"link/", b"link/.", b"link/..", b"sub/../link/inner"] {
        for follow in [true, false] {
            let answer = view.find(path, follow).err();
            assert_eq!(answer, Some(Errno::LOOP), "{}", path.escape_ascii());
        }
    }
    for path in [&b"link"[..], b"to-file", b"dangling", b"sub/../to-file"] {
        assert_eq!(view.find(path, true).err(), Some(Errno::LOOP), "{}", path.escape_ascii());
        let link = view.find(path, false).unwrap();
        assert!(link.metadata().unwrap().is_symlink());
        link.read_link().unwrap();
        assert!(link.open_file(OpenHow::default()).is_err() && link.open_dir().is_err());
    }
    view.find(b"dangling", false).unwrap().unlink().unwrap();
    let moved = view.find(b"moved", false).unwrap();
    view.find(b"to-file", false).unwrap().rename_exclusive(&moved).unwrap();
    assert!(tree.host("moved").is_symlink() && !tree.host("dangling").is_symlink());
    assert_eq!(view.find(b"sub/../sub/inner", true).unwrap().path(), b"/sub/inner");
}

#[test]
fn where_a_folder_is_on_the_host_is_not_told() {
    let tree = Tree::new();
    let base = tree.base.path();
    fs::create_dir(base.join("rooted")).unwrap();
    symlink(base.join("root"), base.join("alias")).unwrap();
    let open = |name: &str| Root::open(&base.join(name)).unwrap();
    let mounts = vec![(b"/".to_vec(), open("alias")), (b"/in/side".to_vec(), open("outside"))];
    let view = View::new(mounts, Links::Follow).unwrap();
    let host = |below: &str| format!("{}/{below}", base.display());
    for (text, told) in [
        (host("root"), "/"),
        (host("root/"), "/"),
        (host("root/sub/inner"), "/sub/inner"),
        (host("/./root//sub/x"), "/sub/x"),
        (host("other/../root/sub"), "/sub"),
        (host("alias/sub"), "/sub"),
        (host("outside"), "/in/side"),
        (host("outside/a/b"), "/in/side/a/b"),
    ] {
        let _ = fs::remove_file(tree.host("link"));
        tree.link(&text, "link");
        let got = view.find(b"link", false).unwrap().read_link().unwrap();
        assert_eq!(got, told.as_bytes(), "{text}");
    }
    // Not at or below a folder, or not the host's path at all: as it is.
    for text in [&*host("rooted"), "sub/../x", "/sub//x/", "root/sub", "/", "..", "/a/../b"] {
        let _ = fs::remove_file(tree.host("link"));
        tree.link(text, "link");
        let got = view.find(b"link", false).unwrap().read_link().unwrap();
        assert_eq!(got, text.as_bytes());
    }
}

#[test]
fn the_hosts_own_root_has_nothing_to_hide() {
    let tree = Tree::new();
    let view = View::new(vec![(b"/".to_vec(), Root::open(Path::new("/")).unwrap())], Links::Follow);
    let view = view.unwrap();
    tree.link("/a//../b/", "link");
    let path = tree.host("link");
    let path = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    assert_eq!(view.find(path, false).unwrap().read_link().unwrap(), b"/a//../b/");
}
