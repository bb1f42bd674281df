use proptest::prelude::*;

use super::*;

/// The prose of a text, pieces joined by `|`.
fn prose(text: &str) -> String {
    Prose::new(text).collect::<Vec<_>>().join("|")
}

#[test]
fn maths_and_code_are_left_out() {
    for (text, expected) in [
        ("", ""),
        ("so it is", "so it is"),
        ("one\ntwo", "one\n|two"),
        // Dollars.
        ("let $x = 2$ be", "let | be"),
        ("let $$x = 2$$ be", "let | be"),
        ("$x$", ""),
        ("$x$$y$", ""),
        ("a $\\frac{ab}{cd}$ b", "a | b"),
        ("a $ x + y $ b", "a | b"),
        ("a $\\text{the area of it}$ b", "a | b"),
        ("a $\\alpha\\beta = \\text{so}$ b", "a | b"),
        ("$$\nx\n$$ is", " is"),
        // Money and lone signs.
        ("it costs $5 and $10 now", "it costs $5 and $10 now"),
        ("pay $5", "pay $5"),
        ("pay 5$ or 6 $ more", "pay 5$ or 6 $ more"),
        ("$5 is less than $7, which is less than $9", "$5 is less than $7, which is less than $9"),
        ("the $x", "the $x"),
        ("the $x\n\nand$ y", "the $x\n|\n|and$ y"),
        ("$$ open", "$$ open"),
        ("\\$5 and \\$6", "5 and |6"),
        // Prose between signs is prose.
        ("$we get the answer by adding$", "$we get the answer by adding$"),
        ("$我们得到答案$", "$我们得到答案$"),
        ("\\(we get the answer by adding\\)", "\\(we get the answer by adding"),
        // Backslashes.
        ("let \\(x = 2\\) be", "let | be"),
        ("let \\[x = 2\\] be", "let | be"),
        ("let \\\\(x = 2\\\\) be", "let | be"),
        ("\\[a \\\\[2pt] b\\] so", " so"),
        ("let \\(x be", "let \\(x be"),
        ("so \\frac{ab}{cd} is", "so | is"),
        ("so \\sqrt[3]{ab} is", "so | is"),
        ("so \\boxed{\\frac{ab}{cd}} is", "so | is"),
        ("so \\alpha is", "so | is"),
        ("so \\textbf{bold} is", "so |{bold} is"),
        ("so \\frac{ab is\nnext", "so |\n|next"),
        ("so \\sqrt{\\{ab\\}} is", "so | is"),
        ("so \\\\ is", "so | is"),
        ("end \\", "end "),
        ("50\\% of", "50| of"),
        // Environments.
        ("\\begin{align*}ab &= cd\\end{align*} so", " so"),
        ("\\begin{proof}it is\\end{proof}", "it is"),
        ("\\begin{cases}ab", ""),
        ("\\begin{equation}ab\\end{cases}cd\\end{equation}ef", "ef"),
        // Code.
        ("call `f(ab)` now", "call | now"),
        ("call ``a`b`` now", "call | now"),
        ("a `b", "a `b"),
        ("a ` b `` c", "a ` b `` c"),
        ("```\ncode\n```\nprose", "\n|prose"),
        ("so:\n```python\nfor i in x:\n```\nprose", "so:\n|\n|prose"),
        ("  ```\ncode\n  ```", "  "),
        ("````\n```\n````\nprose", "\n|prose"),
        ("~~~\ncode\n~~~\nprose", "\n|prose"),
        ("```\ncode to the end", ""),
        ("not ``` code", "not ``` code"),
        ("not ```inline``` code", "not | code"),
        ("a ~~ b", "a ~~ b"),
        ("[asy] draw(A--B); [/asy] so", " so"),
        ("[asy] draw", ""),
        ("[code]x[/code]", ""),
        ("[0, 1] is", "[0, 1] is"),
        // Tags and addresses.
        ("<think>so</think>", "so"),
        ("a<br/>b<br />c", "a|b|c"),
        ("<a href=\"x\">so</a>", "so"),
        ("<|end|>so", "so"),
        ("a < b and c > d", "a < b and c > d"),
        ("x<y and z>w", "x<y and z>w"),
        ("1<2>1", "1<2>1"),
        ("see https://example.com/a?b=c now", "see https| now"),
        ("(http://a.b) so", "(http|) so"),
        ("ratio 1:2", "ratio 1:2"),
    ] {
        assert_eq!(prose(text), expected, "{text}");
    }
}

#[test]
fn megabytes_of_signs_are_read_in_one_pass() {
    for unit in [
        "$",
        "$$",
        "$a ",
        "$ ",
        "$a$$",
        "`",
        "` ",
        "`` ` ",
        "~",
        " ~",
        "\\",
        "\\(",
        "\\[",
        "\\\\[\\[",
        "\\a{",
        "\\a{\n",
        "\\begin{align}",
        "\\begin{a}",
        "\\end{align}",
        "<",
        "<a",
        "<a ",
        "[asy]",
        "[",
        "://",
        "http://",
        "{",
        "\n```\n",
        "```",
        "\\(aa bb cc dd ee ",
        "\\( ",
        "$aa bb cc dd ee $$",
        "\\sqrt[",
        "$\\text{",
        "aa bb cc dd ee $",
        "\n",
        " ",
        "先$",
    ] {
        for text in [unit.repeat(400_000 / unit.len()), format!("{}\\)$`\\]", unit.repeat(9999))] {
            let length: usize = Prose::new(&text).map(str::len).sum();
            assert!(length <= text.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..Default::default() })]

    #[test]
    fn prose_is_a_part_of_the_text_in_order(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "$", "$$", "`", "``", "```", "~~~", "\n", "\n\n", " ", "\\", "\\(", "\\)", "\\[", "\\]",
                    "{", "}", "[", "]", "\\frac", "\\text{", "\\begin{align}", "\\end{align}", "<think>",
                    "<", ">", "/", "://", "word", "word ", "x", "先", "é", "5", "[asy]", "[/asy]", "\\sqrt[",
                ]).prop_map(str::to_owned),
                any::<char>().prop_map(String::from),
            ],
            0..40,
        ),
    ) {
        let text = pieces.concat();
        let mut at = text.as_ptr() as usize;
        for piece in Prose::new(&text) {
            prop_assert!(!piece.is_empty() && piece.as_ptr() as usize >= at);
            at = piece.as_ptr() as usize + piece.len();
        }
        prop_assert!(at <= text.as_ptr() as usize + text.len());
    }

    #[test]
    fn text_without_signs_is_prose_throughout(text in "[a-zé先 .,;!?()0-9\n-]{0,80}") {
        prop_assert_eq!(Prose::new(&text).collect::<String>(), text);
    }
}
