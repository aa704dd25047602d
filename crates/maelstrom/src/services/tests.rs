//! Each operation, and its exact answer.

use super::*;

fn answer(services: &mut Services, operation: Value) -> Result<Value, Code> {
    let operation = serde_json::from_value(operation).unwrap();
    let told = services.apply(&operation).map_err(|refusal| refusal.code)?;
    Ok(json!([told.0, told.1]))
}

#[test]
fn registers_are_read_written_and_compared() {
    let mut services = Services::default();
    let read = json!({"do": "read", "key": 1});
    let cas = |from: u32, to: u32| json!({"do": "cas", "key": 1, "from": from, "to": to});
    assert_eq!(answer(&mut services, read.clone()), Err(Code::KeyDoesNotExist));
    assert_eq!(answer(&mut services, cas(1, 2)), Err(Code::KeyDoesNotExist));
    let write = json!({"do": "write", "key": 1, "value": 3});
    assert_eq!(answer(&mut services, write), Ok(json!(["write_ok", {}])));
    assert_eq!(answer(&mut services, cas(1, 2)), Err(Code::PreconditionFailed));
    assert_eq!(answer(&mut services, cas(3, 4)), Ok(json!(["cas_ok", {}])));
    assert_eq!(answer(&mut services, read), Ok(json!(["read_ok", {"value": 4}])));
    let other = json!({"do": "read", "key": "1"});
    assert_eq!(answer(&mut services, other), Err(Code::KeyDoesNotExist), "a text is no number");
}

#[test]
fn a_transaction_sees_its_own_appends_and_no_list_is_null() {
    let mut services = Services::default();
    let txn = |micros: Value| json!({"do": "txn", "micros": micros});
    let both = txn(json!([{"read": 1}, {"append": [1, 6]}, {"read": 1}]));
    let told = json!(["txn_ok", {"txn": [["r", 1, null], ["append", 1, 6], ["r", 1, [6]]]}]);
    assert_eq!(answer(&mut services, both), Ok(told));
}

#[test]
fn logs_number_their_messages_and_committed_offsets_only_rise() {
    let mut services = Services::default();
    for (offset, message) in [9, 5, 15].into_iter().enumerate() {
        let send = json!({"do": "send", "key": "a", "message": message});
        assert_eq!(answer(&mut services, send), Ok(json!(["send_ok", {"offset": offset}])));
    }
    let offsets = |a: u64| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), 0)]);
    let polled = |from| json!(services.poll(&offsets(from)).1);
    assert_eq!(polled(1), json!({"msgs": {"a": [[1, 5], [2, 15]]}}));
    assert_eq!(polled(3), json!({"msgs": {}}));
    assert_eq!(polled(u64::MAX), json!({"msgs": {}}));
    for offset in [2, 1] {
        let commit = json!({"do": "commit", "offsets": {"a": offset}});
        assert_eq!(answer(&mut services, commit), Ok(json!(["commit_offsets_ok", {}])));
    }
    let told = services.committed(&["a".to_owned(), "b".to_owned()]);
    assert_eq!(json!(told), json!(["list_committed_offsets_ok", {"offsets": {"a": 2}}]));
}

#[test]
fn a_state_is_restored_and_other_bytes_are_not() {
    let mut services = Services::default();
    answer(&mut services, json!({"do": "write", "key": {"a": 1}, "value": [2]})).unwrap();
    answer(&mut services, json!({"do": "send", "key": "a", "message": null})).unwrap();
    assert_eq!(Services::restore(&services.state().unwrap()).unwrap(), services);
    assert!(Services::restore(b"[]").is_err());
}

#[test]
fn a_store_that_is_full_changes_nothing() {
    let mut services =
        Services { held_bytes: STATE_BYTES_MAX - OVERHEAD_BYTES - 4, ..Services::default() };
    let before = services.clone();
    let write = json!({"do": "write", "key": 1, "value": "abc"});
    assert_eq!(answer(&mut services, write), Err(Code::Abort));
    let two = json!({"do": "txn", "micros": [{"append": [1, 2]}, {"append": [10, 2]}]});
    assert_eq!(answer(&mut services, two), Err(Code::Abort));
    assert_eq!(services, before);
    let small = json!({"do": "write", "key": 1, "value": 2});
    assert_eq!(answer(&mut services, small), Ok(json!(["write_ok", {}])));
}

#[test]
fn a_transaction_that_reads_too_much_changes_nothing() {
    let mut services = Services::default();
    let long = "x".repeat(1 << 20);
    let append = json!({"do": "txn", "micros": [{"append": [1, long]}]});
    answer(&mut services, append).unwrap();
    let before = services.clone();
    let read = |times: usize| {
        let mut micros = vec![json!({"append": [2, 3]})];
        micros.extend(vec![json!({"read": 1}); times]);
        json!({"do": "txn", "micros": micros})
    };
    assert_eq!(answer(&mut services, read(8)), Err(Code::Abort));
    assert_eq!(services, before);
    assert!(answer(&mut services, read(7)).is_ok());
}
