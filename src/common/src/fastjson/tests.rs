use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    broker_name: String,
    queue_id: i32,
    topic: String,
}

fn queue(topic: &str) -> ObjectKey<Place> {
    ObjectKey(Place { broker_name: "b".into(), queue_id: 0, topic: topic.into() })
}

fn read(text: &str) -> Value {
    from_str(text).unwrap()
}

#[test]
fn reads_what_fastjson_reads() {
    assert_eq!(read(r#"{0:"a",-1:"b"}"#), json!({"0":"a","-1":"b"}));
    assert_eq!(read("{a:1,true:2,null:3,1.5:4}"), json!({"a":1,"true":2,"null":3,"1.5":4}));
    assert_eq!(read(r#"{'a':'x"y\'z'}"#), json!({"a":"x\"y'z"}));
    assert_eq!(
        read(r#"{"a":NaN,"b":Infinity,"c":-Infinity,"d":undefined}"#),
        json!({"a":null,"b":null,"c":null,"d":null})
    );
    assert_eq!(read("{\"a\":[1,2,],\"b\":{},}"), json!({"a":[1,2],"b":{}}));
    assert_eq!(read("// head\n{\"a\":1 /* one */}"), json!({"a":1}));
    assert_eq!(read("{\"a\":\"x\ty\"}"), json!({"a":"x\ty"}));
    assert_eq!(read(r#"{0:"\x41\v\0é\u00e9"}"#), json!({"0":"A\u{b}\u{0}éé"}));
    assert_eq!(read("{\"a\":+1}"), json!({"a":1}));
}

#[test]
fn reads_integer_keys_into_integers() {
    let read: BTreeMap<i32, i64> = from_slice(b"{0:5,1:7,\"2\":9}").unwrap();
    assert_eq!(read, BTreeMap::from([(0, 5), (1, 7), (2, 9)]));
}

#[test]
fn object_keys_survive_both_directions() {
    let table = BTreeMap::from([(queue("T"), 9_i64), (queue("q\"\\{}é\u{1}"), 1)]);
    let text = to_string(&table);
    assert!(text.contains(r#"{"brokerName":"b","queueId":0,"topic":"T"}:9"#), "{text}");
    assert!(text.starts_with("{{") && text.ends_with('}'), "{text}");
    assert_eq!(from_str::<BTreeMap<ObjectKey<Place>, i64>>(&text).unwrap(), table);

    let standard = serde_json::to_vec(&table).unwrap();
    assert_eq!(from_slice::<BTreeMap<ObjectKey<Place>, i64>>(&standard).unwrap(), table);
    let browser = to_vec_browser(&table);
    assert_eq!(serde_json::from_slice::<BTreeMap<ObjectKey<Place>, i64>>(&browser).unwrap(), table);

    let spaced = "{ { 'topic' : \"T\" , \"queueId\":0,\"brokerName\":\"b\" } : 9 }";
    let read: BTreeMap<ObjectKey<Place>, i64> = from_str(spaced).unwrap();
    assert_eq!(read, BTreeMap::from([(queue("T"), 9)]));
}

#[test]
fn a_string_key_never_passes_for_an_object() {
    for key in
        ["{", "{ ", "{}", "{ }", r#"{ "a":1}"#, r#"{"a":1}"#, "", "\"", "{\u{1}", "{ \"brokerName\":\"b\"}"]
    {
        let table = BTreeMap::from([(key.to_owned(), 1)]);
        assert_eq!(to_string(&table), serde_json::to_string(&table).unwrap());
    }
}

#[test]
fn an_object_key_has_to_be_an_object() {
    assert!(serde_json::to_string(&BTreeMap::from([(ObjectKey(1), 1)])).is_err());
}

#[test]
fn writes_the_compact_shape() {
    let value = json!({"a":1,"b":{},"c":[1,2],"d":null,"e":0.0});
    assert_eq!(to_string(&value), r#"{"a":1,"b":{},"c":[1,2],"d":null,"e":0.0}"#);
    let addresses =
        BTreeMap::from([("brokerAddrs", BTreeMap::from([(0_i64, "1.2.3.4:10911"), (1, "1.2.3.5:10911")]))]);
    assert_eq!(to_string(&addresses), r#"{"brokerAddrs":{0:"1.2.3.4:10911",1:"1.2.3.5:10911"}}"#);
    assert_eq!(to_vec_browser(&addresses), br#"{"brokerAddrs":{"0":"1.2.3.4:10911","1":"1.2.3.5:10911"}}"#);
    assert_eq!(to_string(&BTreeMap::from([(true, 1)])), r#"{"true":1}"#);
}

#[test]
fn writes_the_shape_of_a_configuration_file() {
    #[derive(Serialize)]
    struct File {
        a: i32,
        b: BTreeMap<String, i32>,
        c: Vec<i32>,
        d: Vec<i32>,
        e: BTreeMap<i32, i64>,
        f: Vec<BTreeMap<i32, i64>>,
        g: BTreeMap<ObjectKey<Place>, i32>,
    }
    let table = BTreeMap::from([(0, 5), (1, 7)]);
    let file = File {
        a: 1,
        b: BTreeMap::new(),
        c: vec![1, 2],
        d: vec![],
        e: table.clone(),
        f: vec![table],
        g: BTreeMap::from([(queue("T"), 3)]),
    };
    let text = String::from_utf8(to_vec_pretty(&file)).unwrap();
    assert_eq!(
        text,
        "{\n\t\"a\":1,\n\t\"b\":{},\n\t\"c\":[\n\t\t1,\n\t\t2\n\t],\n\t\"d\":[],\n\t\"e\":{0:5,1:7\n\t},\
         \n\t\"f\":[\n\t\t{0:5,1:7\n\t\t}\n\t],\
         \n\t\"g\":{\n\t\t{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}:3\n\t}\n}"
    );
    assert_eq!(read(&text)["e"], json!({"0":5,"1":7}));
}

#[test]
fn browser_text_is_ascii() {
    let value = json!({"é":"é/😀\u{7f}\u{1}","n":i64::MAX,"m":-1});
    assert_eq!(
        String::from_utf8(to_vec_browser(&value)).unwrap(),
        r#"{"m":-1,"n":"9223372036854775807","\u00E9":"\u00E9\/\uD83D\uDE00\u007F\u0001"}"#
    );
}

#[test]
fn refuses_what_fastjson_refuses() {
    for text in [
        "",
        "{",
        "[1",
        "{\"a\"}",
        "{\"a\":1}}",
        "[1,,2]",
        "[,1]",
        "{,}",
        "{\"a\":,}",
        "{'a",
        "{a:1 /* ",
        "[1}",
        "{[1]:2}",
        "{\"a\":0x1F}",
    ] {
        assert!(from_str::<Value>(text).is_err(), "{text}");
    }
}

#[test]
fn depth_and_growth_are_bounded() {
    let deep = format!("{}0:1{}", "{0:".repeat(MAX_DEPTH + 1), "}".repeat(MAX_DEPTH + 1));
    assert!(matches!(from_str::<Value>(&deep), Err(FastjsonError::TooDeep)));
    assert!(matches!(from_str::<Value>(&"{".repeat(3)), Err(FastjsonError::Syntax { position: 2, .. })));
    assert!(from_str::<Value>(&"[".repeat(1_000_000)).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn never_panics_and_stays_linear(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(standard) = normalize::normalize(&text) {
            prop_assert!(standard.len() <= text.len() * 12 + 16);
        }
        let _ = from_slice::<Value>(&text);
    }

    #[test]
    fn never_panics_on_things_like_json(text in r#"[\[\]{}:,'"\\/ *0-9a-zN\-+]{0,60}"#) {
        let _ = from_str::<Value>(&text);
        let _ = from_str::<BTreeMap<ObjectKey<Place>, i64>>(&text);
    }

    #[test]
    fn standard_json_keeps_its_meaning(value in any_json()) {
        let text = serde_json::to_vec(&value).unwrap();
        let expected: Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(&normalize::normalize(&text).unwrap()).unwrap(), expected.clone());
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(serde_json::from_slice::<Value>(&normalize::normalize(&pretty).unwrap()).unwrap(), expected.clone());
        prop_assert_eq!(from_slice::<Value>(&to_vec(&value)).unwrap(), expected.clone());
        prop_assert_eq!(from_slice::<Value>(&to_vec_pretty(&value)).unwrap(), expected);
    }

    #[test]
    fn integer_maps_round_trip(table in prop::collection::btree_map(any::<i64>(), any::<String>(), 0..8)) {
        prop_assert_eq!(&from_slice::<BTreeMap<i64, String>>(&to_vec(&table)).unwrap(), &table);
        prop_assert_eq!(&from_slice::<BTreeMap<i64, String>>(&to_vec_pretty(&table)).unwrap(), &table);
        prop_assert_eq!(&serde_json::from_slice::<BTreeMap<i64, String>>(&to_vec_browser(&table)).unwrap(), &table);
    }
}
