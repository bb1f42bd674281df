use super::*;
use crate::recipe::FormatFilter;

/// Everything off.
fn off() -> Filters {
    Filters {
        truncated: false,
        correct: false,
        format: FormatFilter::Off,
        max_repetition: 1.0,
        repetition_ngram: 3,
        min_language: 0.0,
        language: None,
        max_paragraph: 0,
        code_blocks: false,
    }
}

/// Name of the count that the answer goes to.
fn count(filters: &Filters, seen: Seen<'_>) -> Option<String> {
    count_of(filters, &Problem::number("p", "q", "1"), seen)
}

fn count_of(filters: &Filters, problem: &Problem, seen: Seen<'_>) -> Option<String> {
    let mut counts = Dropped::default();
    if let Some(count) = dropped_by(filters, problem, seen, &mut counts) {
        *count += 1;
    }
    let all = serde_json::to_value(&counts).expect("JSON");
    let named = all.as_object().expect("an object").iter().filter(|(_, count)| **count == 1);
    let names: Vec<String> = named.map(|(name, _)| name.clone()).collect();
    assert!(names.len() <= 1 && counts.total() == names.len(), "{all}");
    names.first().cloned()
}

fn good(text: &str) -> Seen<'_> {
    Seen { text, truncated: false, correct: true }
}

const FINE: &str = "<think> We add one and two. </think> <answer> 3 </answer>";

#[test]
fn cut_and_wrong_answers_are_dropped_where_the_filter_is_on() {
    let (cut, wrong) =
        (Seen { truncated: true, ..good(FINE) }, Seen { correct: false, ..good(FINE) });
    let both = Seen { truncated: true, correct: false, ..good(FINE) };
    let all = Filters { truncated: true, correct: true, ..off() };
    assert_eq!(count(&all, cut).as_deref(), Some("truncated"));
    assert_eq!(count(&all, wrong).as_deref(), Some("incorrect"));
    assert_eq!(count(&all, both).as_deref(), Some("truncated"), "the first filter counts");
    assert_eq!(count(&all, good(FINE)), None);
    for seen in [cut, wrong, both] {
        assert_eq!(count(&off(), seen), None);
    }
}

#[test]
fn the_format_that_is_asked_for_has_to_be_kept() {
    let bare = "<think> We add. </think> It is 3.";
    let swapped = "<answer> 3 </answer> <think> We add. </think>";
    for (format, fine, bare_passes, swapped_passes) in [
        (FormatFilter::Strict, true, false, false),
        (FormatFilter::ThinkOnly, true, true, false),
        (FormatFilter::TagCount, true, false, true),
        (FormatFilter::Off, true, true, true),
    ] {
        let filters = Filters { format, ..off() };
        let passes = [FINE, bare, swapped].map(|text| count(&filters, good(text)).is_none());
        assert_eq!(passes, [fine, bare_passes, swapped_passes], "{format}");
    }
}

#[test]
fn text_that_repeats_beyond_the_share_is_dropped() {
    // Three of seven words stand in a trigram that was there before.
    let text = "go on and go on and stop";
    let filters = |max_repetition| Filters { max_repetition, ..off() };
    assert_eq!(count(&filters(0.42), good(text)).as_deref(), Some("repetition"));
    assert_eq!(count(&filters(0.43), good(text)), None);
    assert_eq!(count(&filters(1.0), good("a a a a a a a a a a")), None);
    assert_eq!(count(&filters(0.0), good("one two three four")), None);
}

#[test]
fn mixed_languages_are_dropped_and_one_language_is_not() {
    let filters = Filters { min_language: 0.9, ..off() };
    let mixed =
        "<think> First we add the numbers 先加起来 and then stop </think> <answer> 3 </answer>";
    let chinese = "<think> 先把两个数加起来 </think> <answer> 3 </answer>";
    assert_eq!(count(&filters, good(mixed)).as_deref(), Some("language"));
    for text in [FINE, chinese, "<think> 1 + 2 = 3 </think> <answer> 3 </answer>"] {
        assert_eq!(count(&filters, good(text)), None, "{text}");
    }
    // The answer's own words do not count.
    assert_eq!(count(&filters, good("<think> We add. </think><answer> 三个苹果 </answer>")), None);
    // Of a question in English, or where the recipe asks for English, Chinese alone is wrong too.
    let english = Filters { language: Some(Language::En), ..filters.clone() };
    assert_eq!(count(&english, good(chinese)).as_deref(), Some("language"));
    let mut problem = Problem::number("p", "q", "1");
    problem.language = Some(Language::En);
    assert_eq!(count_of(&filters, &problem, good(chinese)).as_deref(), Some("language"));
    assert_eq!(count(&off(), good(mixed)), None);
}

#[test]
fn a_paragraph_ends_at_a_blank_line_and_not_at_a_line_end() {
    let filters = Filters { max_paragraph: 6, ..off() };
    let text = |between: &str| {
        format!("<think>one two three four{between}five six seven</think><answer>3</answer>")
    };
    assert_eq!(count(&filters, good(&text("\n"))).as_deref(), Some("paragraph"));
    assert_eq!(count(&filters, good(&text("\n \n"))), None);
    let long_answer = "<think>one</think><answer>one two three four five six seven</answer>";
    assert_eq!(count(&filters, good(long_answer)), None);
    assert_eq!(count(&off(), good(&text("\n"))), None);
}

#[test]
fn code_blocks_count_inside_the_thinking_alone() {
    let filters = Filters { code_blocks: true, ..off() };
    for fence in ["```python", "  ~~~"] {
        let inside = format!("<think>so\n{fence}\nx = 1\n</think><answer>3</answer>");
        assert_eq!(count(&filters, good(&inside)).as_deref(), Some("code_block"), "{fence}");
        assert_eq!(count(&off(), good(&inside)), None);
        let after = format!("<think>so</think><answer>\n{fence}\nx = 1\n</answer>");
        assert_eq!(count(&filters, good(&after)), None, "{fence}");
    }
    assert_eq!(count(&filters, good("<think>the sign ``` in a line</think>")), None);
}
