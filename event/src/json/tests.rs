use bytes::Bytes;

#[test]
fn smoke() {
    let e = super::parse(&Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"a","type":"t","n":3,"data":[1, 2]}"#)).unwrap();
    let (h, b) = crate::nats_binding::encode_binary(&e);
    assert_eq!(crate::nats_binding::decode(&h, b).unwrap(), e);
    assert_eq!(super::parse(&super::to_bytes(&e)).unwrap(), e);
}
