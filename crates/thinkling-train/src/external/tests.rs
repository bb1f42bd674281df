use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::http::testing::read_request;
use thinkling_model::generate::Completion;
use thinkling_reward::{Problem, RewardSpec};
use thinkling_sampling::Finish;

fn external(source: ExternalSource) -> ExternalReward {
    ExternalReward { weight: 0.5, clip: None, timeout_s: 20.0, source }
}

/// A shell script as a reward.
fn shell(script: &str) -> ExternalReward {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    external(ExternalSource::Command { command, dir: PathBuf::from("/") })
}

/// A Python program as a reward.
fn python(program: &str) -> ExternalReward {
    let command = ["python3", "-c", program].map(str::to_owned).to_vec();
    external(ExternalSource::Command { command, dir: PathBuf::from("/") })
}

fn questions() -> Vec<Question> {
    let problem = |problem| Question { problem, prompt: vec![1] };
    vec![
        problem(Problem::math("p0", "19 + 23?", "42")),
        problem(Problem::countdown("p1", "Make 3 of 1, 2.", vec![1, 2], "3")),
    ]
}

/// Four completions, two of each question, the last one cut.
fn scored() -> Vec<Scored> {
    let spec = RewardSpec::default();
    let one = |i: usize| {
        let text = format!("<think>é{}</think><answer>42</answer>", "x".repeat(i));
        let question = &questions()[i / 2];
        let finish = if i == 3 { Finish::Length } else { Finish::Stop };
        let seen = thinkling_reward::Completion::whole(&text);
        let record = thinkling_reward::reward(&question.problem, &seen, &spec).expect("a reward");
        let (prompt, ids, logprobs) = (i / 2, vec![1; i + 2], vec![0.0; i + 2]);
        let versions = Vec::new();
        let completion =
            Completion { prompt, ids, logprobs, top_logprobs: Vec::new(), finish, versions };
        Scored { reward: record.total, record, text, completion, language: None }
    };
    (0..4).map(one).collect()
}

/// Offers completions as a rollout does, the last one first, and takes their values.
fn exchange(externals: &mut Externals, scored: &mut [Scored]) -> Result<()> {
    for (index, one) in scored.iter().enumerate().rev() {
        externals.offer(index, one, &questions())?;
    }
    externals.score(scored, true)
}

fn score_with(reward: &ExternalReward, times: usize) -> Result<Vec<Vec<Scored>>> {
    let mut externals = Externals::start([("judge", reward)].into_iter())?;
    (0..times)
        .map(|_| {
            let mut scored = scored();
            exchange(&mut externals, &mut scored).map(|()| scored)
        })
        .collect()
}

/// The message of a run that stops.
fn failure(reward: &ExternalReward) -> String {
    let error = score_with(reward, 2).expect_err("no values");
    assert_eq!(error.exit_code(), 1, "{error}");
    let text = error.to_string();
    assert!(text.starts_with("reward `judge`: ") && text.contains("--resume"), "{text}");
    assert!(!text.contains('\n'), "{text}");
    text
}

/// The rewards come in the order of the questions, and answers in the order of their length.
const LENGTH: &str = "
import sys, json
batch = []
for line in sys.stdin:
    q = json.loads(line)
    assert set(q) <= {'id', 'problem', 'question', 'prediction', 'gold', 'truncated'}, q
    assert (q['problem'] == 'p0') == (q.get('gold') == '42'), q
    assert q['question'] in ('19 + 23?', 'Make 3 of 1, 2.') and '\\u00e9' in q['prediction']
    batch.append({'id': q['id'], 'reward': q['prediction'].count('x') - 10 * q['truncated']})
    if len(batch) == 4:
        for answer in reversed(batch):
            print(json.dumps(answer))
        sys.stdout.flush()
        batch = []
";

#[test]
fn a_program_stays_alive_and_answers_every_batch() {
    let batches = score_with(&python(LENGTH), 3).expect("values");
    assert_eq!(batches.len(), 3);
    for scored in batches {
        let values: Vec<f64> =
            scored.iter().map(|s| s.record.value("judge").expect("a value")).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, -7.0]);
        // Right and formatted, and half of what the judge says.
        let rewards: Vec<f64> = scored.iter().map(|s| s.reward).collect();
        assert_eq!(rewards, [2.0, 2.5, 2.0, 1.0 - 3.5]);
        assert!(scored.iter().all(|s| s.reward == s.record.total));
    }
}

#[test]
fn values_are_held_within_bounds_and_cut_completions_gain_nothing() {
    let script = "import sys, json\nfor line in sys.stdin:\n  print(json.dumps({'id': \
                  json.loads(line)['id'], 'reward': 3}), flush=True)";
    let bounded = ExternalReward { clip: Some([-1.0, 1.5]), ..python(script) };
    let scored = score_with(&bounded, 1).expect("values").remove(0);
    let parts: Vec<(f64, bool)> = scored
        .iter()
        .map(|s| s.record.component("judge").map(|c| (c.value, c.clipped)).expect("a part"))
        .collect();
    assert_eq!(parts, [(1.5, true), (1.5, true), (1.5, true), (0.0, true)]);
}

#[test]
fn a_program_that_fails_stops_the_run_with_its_cause() {
    for (script, words) in [
        ("exit 3", &["the program ended (exit status: 3)", "0 of 4"][..]),
        ("read a; echo '{\"id\":0,\"reward\":1}'; exit 0", &["ended", "exit status: 0", "1 of 4"]),
        ("kill -9 $$", &["the program ended (signal: 9"]),
        ("exec 1>&-; sleep 60", &["closed its output"]),
        ("echo 'loading the model'; cat", &["not JSON", "loading the model"]),
        ("cat", &["without a reward"]),
        ("while read a; do echo '{\"id\":0,\"reward\":1}'; done", &["second answer"]),
        ("read a; echo '{\"id\":77,\"reward\":1}'; cat", &["not asked for"]),
        ("read a; echo '{\"id\":0,\"reward\":NaN}'; cat", &["not JSON", "NaN"]),
        ("read a; echo '{\"id\":0,\"error\":\"no memory\"}'; cat", &["id 0: no memory"]),
        ("head -c 3000000 /dev/zero; cat", &["a line of more than 1048576 bytes"]),
    ] {
        let text = failure(&shell(script));
        assert!(words.iter().all(|word| text.contains(word)), "{script}: {text}");
    }
}

#[test]
fn a_late_answer_belongs_to_no_later_batch() {
    // Four right answers, and one more that comes with the next batch.
    let script =
        "for i in 0 1 2 3 3; do read a; echo \"{\\\"id\\\":$i,\\\"reward\\\":1}\"; done; cat";
    let text = failure(&shell(script));
    assert!(text.contains("not asked for"), "{text}");
}

#[test]
fn silence_ends_at_the_timeout_also_where_nothing_is_read() {
    for script in
        ["cat > /dev/null", "sleep 60", "read a; echo '{\"id\":0,\"reward\":1}'; sleep 60"]
    {
        let clock = Instant::now();
        let text = failure(&ExternalReward { timeout_s: 0.3, ..shell(script) });
        assert!(text.contains("no answer within 0.3 s") && text.contains("of 4"), "{text}");
        // Far below the sleep; a machine under load may be slow.
        assert!(clock.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn a_batch_larger_than_any_pipe_is_no_deadlock() {
    // Reads nothing before it has written more than a pipe holds.
    let script = "import sys, json\nsys.stdout.write('\\n' * 300000)\nfor line in sys.stdin:\n  \
                  print(json.dumps({'id': json.loads(line)['id'], 'reward': 1}), flush=True)";
    let reward = python(script);
    let mut externals = Externals::start([("judge", &reward)].into_iter()).expect("starts");
    let mut scored: Vec<Scored> = scored().into_iter().cycle().take(8).collect();
    scored.iter_mut().for_each(|s| s.text = "word ".repeat(50_000));
    exchange(&mut externals, &mut scored).expect("values");
    assert!(scored.iter().all(|s| s.record.value("judge").is_some()));
}

#[test]
fn a_program_ends_with_its_input_or_is_killed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let ended = dir.path().join("ended");
    let script = format!("cat > /dev/null; touch '{}'", ended.display());
    drop(Externals::start([("judge", &shell(&script))].into_iter()).expect("starts"));
    assert!(ended.is_file(), "it had no time to end by itself");

    let Link::Process(process) =
        External::start("judge", &shell("exec sleep 60")).expect("starts").link
    else {
        panic!("a program")
    };
    let id = process.id();
    drop(process);
    #[cfg(target_os = "linux")]
    assert!(!Path::new(&format!("/proc/{id}")).exists(), "process {id} is still there");
    let _ = id;
}

#[test]
fn a_program_that_is_not_there_is_told_before_and_at_the_start() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let named = |program: &str, dir: &Path| {
        external(ExternalSource::Command { command: vec![program.to_owned()], dir: dir.to_owned() })
    };
    std::fs::write(dir.path().join("judge.sh"), "#!/bin/sh\n").expect("written");
    for (program, folder, found) in [
        ("sh", dir.path(), true),
        ("./judge.sh", dir.path(), true),
        ("/bin/sh", dir.path(), true),
        ("no-such-judge", dir.path(), false),
        ("./absent.sh", dir.path(), false),
        ("sh", &dir.path().join("absent"), false),
    ] {
        let checked = check(&named(program, folder));
        assert_eq!(checked.is_ok(), found, "{program}");
        if let Err(error) = checked {
            assert_eq!(error.exit_code(), 2, "{error}");
            let error = score_with(&named(program, folder), 1).expect_err("does not start");
            assert!(error.to_string().contains("cannot start"), "{error}");
        }
    }
}

/// What a server of one request does: it gets the request's lines and the connection.
fn serve(answer: impl FnOnce(Vec<String>, TcpStream) + Send + 'static) -> ExternalReward {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/score", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a request");
        let (head, body) = read_request(&stream);
        assert!(head.starts_with("POST /score HTTP/1.1\r\n"), "{head}");
        let lines = String::from_utf8(body).expect("text").lines().map(str::to_owned).collect();
        answer(lines, stream);
    });
    external(ExternalSource::Http { url })
}

/// A whole response.
fn respond(mut stream: TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).expect("written");
    stream.write_all(body.as_bytes()).expect("written");
}

#[test]
fn a_server_answers_a_batch_by_post() {
    let reward = serve(|lines, stream| {
        let ids: Vec<u64> = lines
            .iter()
            .map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
                value["id"].as_u64().expect("an id")
            })
            .collect();
        assert_eq!(ids, [0, 1, 2, 3]);
        let answers = ids.iter().rev().map(|id| format!("{{\"id\":{id},\"reward\":-{id}}}\r\n"));
        respond(stream, "200 OK", &answers.collect::<String>());
    });
    let scored = score_with(&reward, 1).expect("values").remove(0);
    let values: Vec<f64> = scored.iter().filter_map(|s| s.record.value("judge")).collect();
    assert_eq!(values, [0.0, -1.0, -2.0, -3.0]);
}

#[test]
fn a_server_that_fails_stops_the_run_with_its_cause() {
    let four = "{\"id\":0,\"reward\":1}\n{\"id\":1,\"reward\":1}\n{\"id\":2,\"reward\":1}\n";
    for (status, body, words) in [
        ("500 Internal Server Error", "out of memory", &["status 500", "out of memory"][..]),
        ("302 Found", "", &["status 302"]),
        ("200 OK", four, &["the answer ended", "3 of 4"]),
        ("200 OK", "<html>", &["not JSON", "<html>"]),
    ] {
        let text = failure(&serve(move |_, stream| respond(stream, status, body)));
        assert!(words.iter().all(|word| text.contains(word)), "{status}: {text}");
    }
    let text = failure(&serve(|_, stream| drop(stream)));
    assert!(text.contains("http://127.0.0.1:"), "{text}");
    let silent = serve(|_, stream| {
        std::thread::sleep(Duration::from_secs(5));
        drop(stream);
    });
    let text = failure(&ExternalReward { timeout_s: 0.3, ..silent });
    assert!(text.contains("no answer within 0.3 s"), "{text}");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    let text = failure(&external(ExternalSource::Http { url: url.clone() }));
    assert!(text.contains(&url), "{text}");
}
