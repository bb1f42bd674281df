//! `thinkling review`.

use crate::args::ReviewArgs;
use crate::commands::program;
use crate::failure::Failure;
use crate::review;
use serde_json::json;
use std::io::IsTerminal;
use thinkling_train::review::Review;

pub(crate) fn run(args: &ReviewArgs) -> Result<(), Failure> {
    let mut session = Review::open(&args.queue)?;
    if args.accept_all {
        let accepted = session.accept_all()?;
        eprintln!("{accepted} items accepted unread, which {} says", session.decisions().display());
    } else if !args.summary && !session.items().is_empty() {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(Failure::usage(format!(
                "there is no terminal to review on, expected: standard input and standard error of \
                 one; `{program} review {queue} --summary` says how far it is, and --accept-all \
                 accepts unread what is open",
                program = program(),
                queue = args.queue.display()
            )));
        }
        session = review::on_terminal(session)?;
    }
    let counts = session.counts();
    if args.json {
        let mut value = json!(counts);
        value["decisions"] = json!(session.decisions());
        println!("{value}");
    } else {
        println!("{}", counts.words());
    }
    match counts.open {
        0 => {
            eprintln!("nothing is open: go on with the run by `{} train --resume DIR`", program());
            Ok(())
        }
        open => {
            Err(Failure::waiting(format!("{open} items are open; the next call goes on there")))
        }
    }
}
