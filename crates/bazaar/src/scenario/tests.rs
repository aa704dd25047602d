//! Whole scenarios: what is right, what each wrong value is answered with, and what never happens.

use std::net::{TcpListener, UdpSocket};

use machine::NodeId;
use proptest::prelude::*;

use super::*;

/// Resolves the preset market under a file called `a.toml` and settings.
fn resolve(file: &str, sets: &[&str]) -> Result<Scenario, ScenarioError> {
    let file = layers::file("a.toml".to_owned(), file.to_owned());
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Scenario::resolve_layers("market", Some(file), &sets).map(|(scenario, _)| scenario)
}

fn problems(file: &str, sets: &[&str]) -> Vec<String> {
    let error = resolve(file, sets).expect_err("a wrong scenario");
    error.problems.iter().map(ToString::to_string).collect()
}

fn again(scenario: &Scenario) -> Scenario {
    resolve(&scenario.to_toml(), &[]).expect("what was written")
}

/// Everything behind the first paragraph, which is each text's own.
fn body(text: &str) -> &str {
    text.split_once("\n\n").map_or(text, |(_, body)| body)
}

#[test]
fn the_preset_market_shows_every_key_with_its_comment() {
    let shipped = include_str!("../../presets/market.toml");
    let written = Scenario::resolve("market", None, &[]).unwrap().to_toml();
    let (header, _) = shipped.split_once("\n\n").unwrap();
    let expected = format!("{header}\n\n{}", body(&written));
    if std::env::var_os("REWRITE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/presets/market.toml");
        std::fs::write(path, &expected).unwrap();
    } else {
        assert_eq!(shipped, expected, "REWRITE=1 writes it");
    }
}

#[test]
fn every_preset_resolves_and_names_itself() {
    let names: Vec<_> = Scenario::presets().iter().map(|(name, _)| *name).collect();
    let all = ["market", "asterix", "trading-post", "trading-houses", "trading-post-udp"];
    assert_eq!(names, all);
    for (name, about) in Scenario::presets() {
        let scenario = Scenario::resolve(name, None, &[]).unwrap();
        assert_eq!(scenario.preset, name);
        assert_eq!(again(&scenario), scenario);
        assert!(about.ends_with('.') && !about.contains('#'), "{about}");
    }
}

#[test]
fn later_layers_win_key_by_key() {
    let file =
        "run.peers = 9\n[buyer]\nquantity.max = 3\n[[fault]]\nat = '1s'\ndo = 'pause'\nwho = 2\n";
    let scenario = resolve(file, &["run.peers=12", "seed=18446744073709551615"]).unwrap();
    assert_eq!(scenario.run.peers, 12);
    assert_eq!(scenario.seed, u64::MAX);
    assert_eq!(scenario.buyer.quantity, Between { min: 1, max: 3 });
    let fault = Fault {
        at: Share::Time(std::time::Duration::from_secs(1)),
        action: Action::Pause,
        target: Some(Target::Node(NodeId(2))),
        lasts: None,
        to: None,
        by: None,
        chance: None,
    };
    assert_eq!(scenario.fault, [fault]);
    assert_eq!(again(&scenario), scenario);
    assert_eq!(resolve(file, &["fault=[]"]).unwrap().fault, []);
}

#[test]
fn the_last_layer_that_names_a_preset_says_which() {
    let file = |text: &str| Some(layers::file("a.toml".to_owned(), text.to_owned()));
    let set = ["preset=market".to_owned()];
    let resolve = |file, sets: &[String]| {
        let scenario = Scenario::resolve_layers("trading-post-udp", file, sets).unwrap().0;
        (scenario.preset, scenario.run.transport)
    };
    let market = ("market".to_owned(), Transport::Tcp);
    let post = ("trading-post-udp".to_owned(), Transport::Udp);
    assert_eq!(resolve(file(""), &[]), post);
    assert_eq!(resolve(file("preset = 'market'"), &[]), market);
    assert_eq!(resolve(file("preset = 'trading-post-udp'"), &set), market);
    let unknown = |name, text| {
        Scenario::resolve_layers(name, file(text), &[]).unwrap_err().problems[0].to_string()
    };
    assert_eq!(
        unknown("markt", ""),
        "--preset: preset = \"markt\": there is no such preset; did you mean market?"
    );
    assert_eq!(
        unknown("market", "\npreset = 'x'"),
        "a.toml:2:10: preset = \"x\": there is no such preset; give market, asterix, trading-post, trading-houses or trading-post-udp"
    );
    assert_eq!(
        unknown("market", "preset = 5"),
        "a.toml:1:10: preset = 5: this is a whole number; give text"
    );
}

/// Reads `testdata/*.txt`: a scenario file or settings, and what they are answered with.
#[test]
fn wrong_scenarios_are_answered() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scenario/testdata");
    datadriven::walk(directory, |transcript| {
        transcript.run(|case| {
            let input = case.input.as_str();
            let sets: Vec<&str> = input.lines().collect();
            let result = match case.directive.as_str() {
                "file" => resolve(input, &[]),
                "set" => resolve("", &sets),
                "each" => {
                    return sets.iter().map(|set| answer(resolve("", &[*set]))).collect();
                }
                "houses" => {
                    let of_houses = |set: &&str| {
                        Scenario::resolve("trading-houses", None, &[(*set).to_owned()])
                    };
                    return sets.iter().map(|set| answer(of_houses(set))).collect();
                }
                other => return format!("there is no directive {other}\n"),
            };
            answer(result)
        });
    });
}

fn answer(result: Result<Scenario, ScenarioError>) -> String {
    match result {
        Ok(_) => "ok\n".to_owned(),
        Err(error) => error.problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

#[test]
fn an_error_tells_all_problems_and_that_nothing_was_started() {
    let error = resolve("seed = 'x'", &["run.peers=0"]).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().map(|line| line.split(':').next().unwrap_or(line)).collect();
    assert_eq!(lines, ["a.toml", "--set", "nothing was started"]);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, bytes: Option<&[u8]>| {
        let path = folder.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = Scenario::resolve("market", Some(&path), &[]).unwrap_err();
        let shown = error.problems[0].to_string();
        let start = format!("{}: ", path.display());
        shown.strip_prefix(&start).expect("the path").to_owned()
    };
    assert!(message("absent.toml", None).starts_with("the scenario cannot be read: No such file"));
    assert_eq!(
        message("latin1.toml", Some(b"# caf\xe9")),
        "the file is not UTF-8 text, from byte 5 on; save it as UTF-8"
    );
    let large = vec![b'#'; layers::FILE_MAX_BYTES as usize + 1];
    assert_eq!(
        message("large.toml", Some(&large)),
        "the file is larger than 524288 bytes; give a scenario, which is far smaller"
    );
    std::fs::write(folder.path().join("right.toml"), "run.peers = 5\n").unwrap();
    let right = Scenario::resolve("market", Some(&folder.path().join("right.toml")), &[]);
    assert_eq!(right.unwrap().run.peers, 5);
}

#[test]
fn a_port_in_use_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    let with = |port: u16, transport: &str| {
        let text = format!("[run]\npeers = 3\nbase_port = {port}\ntransport = \"{transport}\"\n");
        std::fs::write(&file, text).unwrap();
        Scenario::resolve_to_run("market", Some(&file), &[])
    };
    assert!(with(0, "udp").is_ok());

    let stream = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stream.local_addr().unwrap().port();
    assert_eq!(
        with(port, "tcp").unwrap_err().problems[0].to_string(),
        format!(
            "{}:3:13: run.base_port = {port}: TCP port {port} of 127.0.0.1 is in use by another \
             program; give another port, of which the next 3 are free too, or 0",
            file.display()
        )
    );
    // A datagram socket is in the way of datagrams only.
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = datagrams.local_addr().unwrap().port();
    let shown = with(port, "udp").unwrap_err().to_string();
    assert!(shown.contains(&format!("port {port} of 127.0.0.1 is in use")), "{shown}");
}

#[test]
fn a_file_that_holds_no_overlay_of_the_peers_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edges.json");
    let sets = ["overlay.form=file".to_owned(), format!("overlay.file='{}'", file.display())];
    let said = || Scenario::resolve_to_run("market", None, &sets).unwrap_err().to_string();
    assert!(said().contains("No such file"), "{}", said());
    std::fs::write(&file, r#"{"kind":"edges","nodes":[1,2],"edges":[[1,2]]}"#).unwrap();
    let wrong = said();
    assert!(wrong.contains("--set: overlay.file = "), "{wrong}");
    assert!(wrong.contains("this is no overlay of the peers: peer 3 is not one"), "{wrong}");
}

#[test]
fn a_text_of_thousands_of_mistakes_is_answered_with_a_few() {
    let text: String = (0..50_000).map(|n| format!("a{n} = 1\n")).collect();
    assert_eq!(problems(&text, &[]).len(), 50);
    let text = format!("trade.goods = [{}]", "1, ".repeat(50_000));
    assert_eq!(problems(&text, &[]).len(), 50);
    let deep = format!("{}a = 1", "a.".repeat(100_000));
    assert_eq!(problems(&deep, &[]).len(), 1);
}

/// Text that is often nearly a scenario.
fn any_toml() -> impl Strategy<Value = String> {
    let written = Scenario::resolve("market", None, &[]).unwrap().to_toml();
    let lines: Vec<String> = written.lines().map(str::to_owned).collect();
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        "[0-9]{1,3}(ms|s|h|%)".prop_map(|text| format!("'{text}'")),
        Just("[]".to_owned()),
        Just("{ min = 1, max = 2 }".to_owned()),
        Just("[{ at = '1%', do = 'kill', who = 1 }]".to_owned()),
    ];
    let line = (prop::sample::select(lines), value).prop_map(|(line, value)| {
        line.split_once(" = ").map_or(line.clone(), |(key, _)| format!("{key} = {value}"))
    });
    let lines = prop::collection::vec(prop_oneof![4 => line, 1 => ".{0,20}"], 0..12);
    lines.prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_is_answered_and_what_resolves_resolves_again(
        file in any_toml(),
        set in "[a-z.]{0,12}=?.{0,12}",
    ) {
        for sets in [&[][..], &[set.as_str()]] {
            match resolve(&file, sets) {
                Ok(scenario) => prop_assert_eq!(again(&scenario), scenario),
                Err(error) => prop_assert!(!error.problems.is_empty()),
            }
        }
    }

    #[test]
    fn any_value_of_any_key_is_answered(
        key in prop::sample::select(all_keys()),
        value in "-?[0-9]{1,12}(ms|s|%)?|[a-z]{1,8}|[0-9]\\.[0-9]|\\[|\\{\\}|.{0,9}",
    ) {
        if let Ok(scenario) = resolve("", &[&format!("{key}={value}")]) {
            prop_assert_eq!(again(&scenario), scenario);
        }
    }
}

/// The dotted keys of every section.
fn all_keys() -> Vec<String> {
    let (mut section, mut keys) = (String::new(), Vec::new());
    for line in include_str!("../../presets/market.toml").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) =
            line.split_once(" = ").filter(|_| !line.starts_with(['#', ' ']))
        {
            keys.push(format!("{section}{key}"));
        }
    }
    keys
}
