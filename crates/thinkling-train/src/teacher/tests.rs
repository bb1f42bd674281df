use super::*;
use crate::error::TrainError;
use crate::http::testing::read_request;
use crate::recipe::{Recipe, StageKind};
use crate::run_dir::RunInfo;
use burn::tensor::Device;
use serde_json::{Value, json};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use thinkling_sampling::{Finish, SamplingParams};

/// What a server does with a request, which has this number and this body.
type Answer = dyn Fn(usize, &Value) -> (u16, Value) + Send + Sync;

/// A server with the bodies that it got.
struct Server {
    url: String,
    got: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    fn start(answer: impl Fn(usize, &Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let got = Arc::new(Mutex::new(Vec::new()));
        let (answer, bodies): (Arc<Answer>, _) = (Arc::new(answer), got.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, bodies) = (answer.clone(), bodies.clone());
                std::thread::spawn(move || serve(stream, &bodies, &*answer));
            }
        });
        Self { url, got }
    }

    fn requests(&self) -> Vec<Value> {
        self.got.lock().expect("bodies").clone()
    }
}

fn serve(mut stream: TcpStream, bodies: &Mutex<Vec<Value>>, answer: &Answer) {
    let (head, body) = read_request(&stream);
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let number = {
        let mut bodies = bodies.lock().expect("bodies");
        bodies.push(body.clone());
        bodies.len() - 1
    };
    let (status, value) = answer(number, &body);
    let text = value.to_string();
    let head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n\r\n", text.len());
    // Who asked may be gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
}

/// Repeats the last message with the seed.
fn echo(_: usize, body: &Value) -> (u16, Value) {
    let last = body["messages"].as_array().and_then(|m| m.last()).expect("a message");
    let text = format!("{} {}", last["content"].as_str().expect("a text"), body["seed"]);
    let choice = json!({"message": {"content": text}, "finish_reason": "stop"});
    (200, json!({"choices": [choice], "usage": {"prompt_tokens": 2, "completion_tokens": 4}}))
}

/// What was told.
#[derive(Default)]
struct Told {
    notes: Vec<String>,
    last: EvalProgress,
}

impl Watch for Told {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    fn progress(&mut self, progress: &EvalProgress) {
        self.last = *progress;
    }
}

/// A run with a stage of this `teacher`.
fn recipe(teacher: &str) -> Recipe {
    let base = std::path::absolute("../../recipes/mini-world-base").expect("a path");
    let text = format!(
        "name='t'\nmodel.path={base:?}\n[[stage]]\nname='d'\nkind='distill'\n\
         data.kind='mini-world'\nteacher={teacher}"
    );
    Recipe::parse(&text, Path::new("r.toml"), Path::new("/"), &[]).expect("a recipe")
}

fn http(url: &str, more: &str) -> TeacherKeys {
    let keys = "concurrency=3, backoff_seconds=0.02";
    let recipe = recipe(&format!("{{kind='http', url='{url}', model='m', {keys}{more}}}"));
    match &recipe.stages[0].kind {
        StageKind::RejectionSampling(stage) => {
            TeacherKeys::Http(Box::new(stage.teacher.clone().expect("a teacher")))
        }
        other => panic!("{other:?}"),
    }
}

fn drawing(samples: usize) -> Drawing {
    Drawing { samples, sampling: SamplingParams::default(), max_tokens: 12, seed: 9 }
}

fn conversations(count: usize) -> Vec<Vec<Message>> {
    (0..count).map(|i| vec![Message::new("user", format!("q{i}"))]).collect()
}

/// Asks in a folder of its own with the mini world's base as the stage's model.
struct Stage {
    dir: tempfile::TempDir,
    own: LoadedModel,
    device: Device,
}

impl Stage {
    fn new() -> Self {
        let device = Device::flex();
        let own = LoadedModel::open(Path::new("../../recipes/mini-world-base"), &device);
        Self {
            dir: tempfile::tempdir().expect("temporary folder"),
            own: own.expect("the base"),
            device,
        }
    }

    fn ask(
        &self,
        keys: &TeacherKeys,
        conversations: &[Vec<Message>],
        drawing: Drawing,
        told: &mut Told,
    ) -> Result<Option<Vec<Vec<Reply>>>> {
        let recipe = recipe("{kind='local', model.path='m'}");
        let info = RunInfo::now(&recipe, "cpu", 1);
        let run = RunDir::create(None, self.dir.path(), &recipe, &info).expect("a run");
        let teacher = Teacher::open(keys, &run, (&self.device).into(), Some(&self.own))?;
        let file = self.file();
        teacher.ask(conversations, drawing, (&file, "answers"), &Interrupt::new(), told)
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("answers.jsonl")
    }
}

#[test]
fn a_server_answers_each_by_a_request_of_its_own_seed() {
    let server = Server::start(echo);
    let (stage, mut told) = (Stage::new(), Told::default());
    let keys = http(&server.url, ", system='be brief'");
    let replies = stage.ask(&keys, &conversations(5), drawing(2), &mut told).expect("answers");
    let replies = replies.expect("no interrupt");
    let requests = server.requests();
    assert_eq!(requests.len(), 10);
    let mut seeds: Vec<u64> = requests.iter().map(|r| r["seed"].as_u64().expect("one")).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 10, "every answer has its own seed");
    assert!(requests.iter().all(|r| r["messages"][0]["content"] == "be brief"));
    for (i, of_one) in replies.iter().enumerate() {
        assert_eq!(of_one.len(), 2);
        for reply in of_one {
            assert!(reply.text.starts_with(&format!("q{i} ")), "{reply:?}");
            assert_eq!((reply.tokens, reply.finish), (4, Finish::Stop));
        }
    }
    assert_eq!((told.last.done, told.last.problems_done, told.last.total), (10, 5, 10));
    // All are there: nothing is asked, and the answers are the same.
    let again = stage.ask(&keys, &conversations(5), drawing(2), &mut told).expect("answers");
    assert_eq!(again, Some(replies.clone()));
    // A line that is cut and one that is missing are asked for again, and with the same seeds.
    let text = std::fs::read_to_string(stage.file()).expect("the file");
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(stage.file(), format!("{}\n{}", lines[..7].join("\n"), &lines[7][..20]))
        .expect("written");
    let again = stage.ask(&keys, &conversations(5), drawing(2), &mut told).expect("answers");
    assert_eq!(again, Some(replies));
    assert_eq!(server.requests().len(), 13);
    let there = "7 of 10 answers are there already";
    assert!(told.notes.iter().any(|note| note == there), "{:?}", told.notes);
}

#[test]
fn faults_that_pass_are_waited_for_and_change_nothing() {
    let busy = |number: usize, body: &Value| match number % 3 {
        0 => (503, json!({"error": "busy"})),
        1 => (200, json!({"choices": []})),
        _ => echo(number, body),
    };
    let plain = Stage::new();
    let ask = |stage: &Stage, server: &Server, told: &mut Told| {
        let keys = http(&server.url, ", retries=20");
        stage.ask(&keys, &conversations(4), drawing(1), told).expect("answers")
    };
    let expected = ask(&plain, &Server::start(echo), &mut Told::default());
    let (server, stage, mut told) = (Server::start(busy), Stage::new(), Told::default());
    assert_eq!(ask(&stage, &server, &mut told), expected);
    assert_eq!(server.requests().len(), 12);
    assert!(told.notes.iter().any(|note| note.contains("; again in 0.0 s")), "{:?}", told.notes);
}

#[test]
fn retries_end_and_what_was_answered_stays() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    let server = Server::start(move |number, body| {
        if count.fetch_add(1, Ordering::SeqCst) < 4 { echo(number, body) } else { (500, json!(0)) }
    });
    let stage = Stage::new();
    let keys = http(&server.url, ", retries=2");
    let error = stage
        .ask(&keys, &conversations(9), drawing(1), &mut Told::default())
        .expect_err("it is dead");
    assert_eq!(error.exit_code(), 1);
    let text = error.to_string();
    for words in ["HTTP status 500", "tried 3 times", "4 answers came", "5 are missing", "--resume"]
    {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    let lines = std::fs::read_to_string(stage.file()).expect("the file").lines().count();
    assert_eq!(lines, 4);
    // Once it is back the rest is asked for.
    served.store(0, Ordering::SeqCst);
    let before = server.requests().len();
    let again = Server::start(echo);
    let keys = http(&again.url, "");
    let replies = stage.ask(&keys, &conversations(9), drawing(1), &mut Told::default());
    assert_eq!(replies.expect("answers").expect("no interrupt").len(), 9);
    assert_eq!((server.requests().len(), again.requests().len()), (before, 5));
}

#[test]
fn a_refusal_is_not_tried_again_and_said_in_the_servers_words() {
    let server = Server::start(|_, _| (404, json!({"error": "no model m"})));
    let keys = http(&server.url, ", retries=5");
    let error = Stage::new()
        .ask(&keys, &conversations(1), drawing(1), &mut Told::default())
        .expect_err("refused");
    assert!(error.to_string().contains("no model m") && error.exit_code() == 1, "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_interrupt_does_not_wait_for_the_server() {
    let server = Server::start(|number, body| {
        std::thread::sleep(Duration::from_secs(20));
        echo(number, body)
    });
    let keys = http(&server.url, "");
    let TeacherKeys::Http(keys) = &keys else { panic!("http") };
    let interrupt = Interrupt::new();
    interrupt.request();
    let clock = Instant::now();
    let teacher = Teacher(Kind::Http(HttpTeacher::open(keys).expect("opened")));
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("answers.jsonl");
    let told = &mut Told::default();
    let replies = teacher.ask(&conversations(2), drawing(1), (&path, "answers"), &interrupt, told);
    assert_eq!(replies.expect("no error"), None);
    assert!(clock.elapsed().as_secs() < 10);
}

#[test]
fn a_key_that_is_not_set_is_told_by_its_name() {
    let keys = http("http://127.0.0.1:1/v1", ", api_key_env='THINKLING_NO_SUCH_KEY'");
    let TeacherKeys::Http(keys) = &keys else { panic!("http") };
    let error = HttpTeacher::open(keys).expect_err("not set");
    assert!(matches!(error, TrainError::ServerKey { .. }), "{error}");
    assert!(error.to_string().contains("`THINKLING_NO_SUCH_KEY`") && error.exit_code() == 2);
}

#[test]
fn a_model_in_this_process_answers_the_same_whatever_is_missing() {
    let keys = TeacherKeys::Local(Box::new(crate::recipe::LocalTeacherKeys {
        model: None,
        template: crate::recipe::Template::R1Zero,
        system: None,
        rollout: Default::default(),
    }));
    let conversations: Vec<Vec<Message>> =
        ["What is 2 + 3?", "What is 40 + 7?"].map(|q| vec![Message::new("user", q)]).to_vec();
    let (stage, mut told) = (Stage::new(), Told::default());
    let ask = |told: &mut Told| stage.ask(&keys, &conversations, drawing(3), told);
    let replies = ask(&mut told).expect("answers").expect("no interrupt");
    assert!(replies.iter().flatten().all(|r| r.tokens > 0 && r.prompt_tokens > 2), "{replies:?}");
    let text = std::fs::read_to_string(stage.file()).expect("the file");
    let some: String = text.lines().step_by(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(stage.file(), some).expect("written");
    assert_eq!(ask(&mut told).expect("answers"), Some(replies));
    assert!(told.notes.iter().any(|note| note == "3 of 6 answers are there already"));
    let two = vec![vec![Message::new("user", "a"), Message::new("assistant", "b")]];
    let error = Stage::new().ask(&keys, &two, drawing(1), &mut told).expect_err("two messages");
    assert!(error.to_string().contains("one message of `user`"), "{error}");
}
