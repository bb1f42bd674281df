use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    step: u64,
    rng: Vec<u64>,
}

fn state(step: u64) -> State {
    State { step, rng: vec![step, u64::MAX] }
}

fn save(store: &CheckpointStore, step: u64) -> PathBuf {
    let mut writer = store.begin(step).expect("begins");
    writer
        .write("model/weights.bin", |out| out.write_all(&[step as u8; 5000]))
        .expect("weights written");
    writer.write_json("state.json", &state(step)).expect("state written");
    writer.commit().expect("committed")
}

fn entries(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("readable")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn store() -> (tempfile::TempDir, CheckpointStore) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let store = CheckpointStore::new(dir.path().join("checkpoints"));
    (dir, store)
}

#[test]
fn what_was_saved_is_read_and_only_the_last_two_stay() {
    let (_dir, store) = store();
    assert!(store.latest_valid().expect("no folder is no error").is_none());
    for step in [10, 20, 1_000_000] {
        save(&store, step);
    }
    assert_eq!(entries(&store.dir), ["step-000020", "step-1000000"]);
    let found = store.latest_valid().expect("readable").expect("there is one");
    assert_eq!(found.checkpoint.step(), 1_000_000);
    assert!(found.damaged.is_empty());
    assert_eq!(found.checkpoint.read_json::<State>("state.json").expect("fits"), state(1_000_000));
    let weights = found.checkpoint.file("model/weights.bin").expect("listed");
    assert_eq!(fs::read(weights).expect("readable"), vec![1_000_000_u64 as u8; 5000]);
    assert!(found.checkpoint.file("other").is_err());
}

/// SHA-256 of "abc" from FIPS 180-2, appendix B.1.
#[test]
fn the_manifest_holds_the_published_hash() {
    let (_dir, store) = store();
    let mut writer = store.begin(1).expect("begins");
    writer.write("abc", |out| out.write_all(b"abc")).expect("written");
    let checkpoint = Checkpoint::open(&writer.commit().expect("committed")).expect("whole");
    assert_eq!(
        checkpoint.files()[0].sha256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(checkpoint.files()[0].bytes, 3);
}

/// Every way to hurt the newest checkpoint leads to the one before, with a word about it.
#[test]
fn a_damaged_checkpoint_is_passed_over_and_named() {
    type Hurt = fn(&Path) -> io::Result<()>;
    let ways: [(&str, Hurt); 6] = [
        ("checksum does not match", |p| {
            let file = p.join("model/weights.bin");
            let mut bytes = fs::read(&file)?;
            bytes[777] ^= 1;
            fs::write(file, bytes)
        }),
        ("size in bytes, expected: 5000, got: 4000", |p| {
            File::options().write(true).open(p.join("model/weights.bin"))?.set_len(4000)
        }),
        ("the file is missing", |p| fs::remove_file(p.join("state.json"))),
        ("not found", |p| fs::remove_file(p.join(MANIFEST_FILE))),
        ("not a manifest", |p| {
            File::options().write(true).open(p.join(MANIFEST_FILE))?.set_len(40)
        }),
        ("its checksum does not match", |p| {
            let file = p.join(MANIFEST_FILE);
            let text = fs::read_to_string(&file)?;
            fs::write(file, text.replace("\"step\": 2", "\"step\": 9"))
        }),
    ];
    for (reason, hurt) in ways {
        let (_dir, store) = store();
        save(&store, 1);
        hurt(&save(&store, 2)).expect("hurts");
        let found = store.latest_valid().expect("readable").expect("one is whole");
        assert_eq!(found.checkpoint.step(), 1, "{reason}");
        assert_eq!(found.damaged.len(), 1);
        assert!(found.damaged[0].contains(reason), "{reason}: {:?}", found.damaged);
        assert!(found.damaged[0].contains("step-000002"), "{:?}", found.damaged);
    }
}

#[test]
fn when_all_are_damaged_each_is_named() {
    let (_dir, store) = store();
    for step in [1, 2] {
        fs::write(save(&store, step).join("state.json"), b"x").expect("written");
    }
    let error = store.latest_valid().expect_err("none is whole");
    assert_eq!(error.exit_code(), 3);
    let message = error.to_string();
    assert!(message.contains("step-000001") && message.contains("step-000002"), "{message}");
}

#[test]
fn a_failed_write_leaves_the_previous_checkpoint_and_no_remains() {
    let (_dir, store) = store();
    save(&store, 1);
    let mut writer = store.begin(2).expect("begins");
    let error = writer
        .write("weights.bin", |out| {
            out.write_all(&[0; 100])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .expect_err("full");
    assert!(matches!(error, TrainError::DiskFull { .. }), "{error}");
    drop(writer);
    assert_eq!(entries(&store.dir), ["step-000001"]);
    assert_eq!(store.latest_valid().expect("readable").expect("whole").checkpoint.step(), 1);
}

/// A kill cannot be had inside a test process; forgetting the writer leaves the same files.
#[test]
fn a_checkpoint_that_was_never_finished_is_not_seen_and_later_removed() {
    let (_dir, store) = store();
    save(&store, 1);
    let mut writer = store.begin(2).expect("begins");
    writer.write("weights.bin", |out| out.write_all(&[0; 100])).expect("written");
    std::mem::forget(writer);
    assert_eq!(store.latest_valid().expect("readable").expect("whole").checkpoint.step(), 1);
    save(&store, 3);
    assert_eq!(entries(&store.dir), ["step-000001", "step-000003"]);
}

#[test]
fn the_same_step_again_replaces_the_old_one() {
    let (_dir, store) = store();
    save(&store, 1);
    let mut writer = store.begin(1).expect("begins");
    writer.write("other", |out| out.write_all(b"new")).expect("written");
    writer.commit().expect("committed");
    let found = store.latest_valid().expect("readable").expect("whole");
    assert_eq!(found.checkpoint.files().len(), 1);
    assert_eq!(entries(&store.dir), ["step-000001"]);
}

#[test]
fn names_that_leave_the_folder_or_clash_are_refused() {
    let (_dir, store) = store();
    let mut writer = store.begin(1).expect("begins");
    writer.write("a", |_| Ok(())).expect("a free name");
    for name in ["../a", "/a", "", "a", ".", MANIFEST_FILE, "b/../../c"] {
        assert!(writer.write(name, |_| Ok(())).is_err(), "{name}");
    }
}
