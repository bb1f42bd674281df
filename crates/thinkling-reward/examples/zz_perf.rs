#![allow(missing_docs, clippy::print_stdout)]
use std::time::Instant;
use thinkling_reward::*;
fn main() {
    let gold = number::parse_number("42").unwrap();
    let goal = countdown::Goal::new(&[16, 15, 1], "30").unwrap();
    for unit in ["1", "1,", "1 ", "1.", ",", "-", "- ", "$", "1,111,", " ", "*", "1*", "1+", "(1", "1)", "1+1a", "((1+1)", "1/0,", "1="] {
        let text = unit.repeat(300_000 / unit.len());
        let mut line = format!("{unit:?}");
        let t = Instant::now(); number::judge_block(&text, &gold); line += &format!(" nb {:?}", t.elapsed());
        let t = Instant::now(); number::judge_last(&text, &gold, true); line += &format!(" nl {:?}", t.elapsed());
        let t = Instant::now(); countdown::judge_block(&text, &goal); line += &format!(" cb {:?}", t.elapsed());
        let t = Instant::now(); countdown::judge_last(&text, &goal); line += &format!(" cl {:?}", t.elapsed());
        println!("{line}");
    }
}
