//! An item's texts as one text to edit, and back.

use thinkling_train::review::Texts;

const THINKING: &str = "----- thinking -----";
const SUMMARY: &str = "----- summary -----";

/// Both texts below their headings.
pub(super) fn write(texts: &Texts) -> String {
    format!("{THINKING}\n{}\n{SUMMARY}\n{}\n", texts.thinking.trim(), texts.summary.trim())
}

/// Reads both texts; white space at their ends is as it was in `before`.
///
/// # Errors
/// A heading that is not there, or a text that is empty.
pub(super) fn read(text: &str, before: &Texts) -> Result<Texts, String> {
    let text = text.replace("\r\n", "\n");
    let (head, rest) = cut(&text, THINKING)?;
    if !head.trim().is_empty() {
        return Err(format!("there is text above the line `{THINKING}`"));
    }
    let (thinking, summary) = cut(&rest, SUMMARY)?;
    let part = |new: &str, old: &str, what: &str| match new.trim() {
        "" => Err(format!("the {what} is empty; reject the item to leave it out")),
        text => {
            let start = &old[..old.len() - old.trim_start().len()];
            let end = &old[old.trim_end().len()..];
            Ok([start, text, end].concat())
        }
    };
    Ok(Texts {
        thinking: part(&thinking, &before.thinking, "thinking")?,
        summary: part(&summary, &before.summary, "summary")?,
    })
}

/// What stands before and after the first line that is a heading.
fn cut(text: &str, heading: &str) -> Result<(String, String), String> {
    let mut before = Vec::new();
    let mut lines = text.split('\n');
    for line in lines.by_ref() {
        if line.trim_end() == heading {
            return Ok((before.join("\n"), lines.collect::<Vec<_>>().join("\n")));
        }
        before.push(line);
    }
    Err(format!("the line `{heading}` is missing; nothing was changed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(thinking: &str, summary: &str) -> Texts {
        Texts { thinking: thinking.to_owned(), summary: summary.to_owned() }
    }

    #[test]
    fn what_is_not_edited_stays_as_it_is() {
        let before = texts(" First,\n\nthen.\n", " <answer> 4 </answer>");
        assert_eq!(read(&write(&before), &before), Ok(before.clone()));
        let edited = write(&before).replace("then.", "next.").replace('\n', "\r\n");
        assert_eq!(read(&edited, &before).expect("sound").thinking, " First,\n\nnext.\n");
    }

    #[test]
    fn a_lost_heading_or_an_empty_text_is_told() {
        let before = texts("a", "b");
        let text = write(&before);
        for (broken, words) in [
            (text.replace(SUMMARY, ""), "summary -----` is missing"),
            (text.replace(THINKING, "x"), "thinking -----` is missing"),
            (text.replace("a\n", "\n"), "the thinking is empty"),
            (text.replace("b\n", " \n"), "the summary is empty"),
            (format!("x\n{text}"), "text above"),
        ] {
            let error = read(&broken, &before).expect_err(&broken);
            assert!(error.contains(words), "{error}");
        }
    }
}
