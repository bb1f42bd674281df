use proptest::prelude::*;

use super::*;
use Language::*;

/// Words by language and of none; a language that is left out has none.
fn counts(text: &str) -> (Vec<(Language, usize)>, usize) {
    let counts = WordCounts::of(text);
    let known = Language::ALL.map(|language| (language, counts.words(language)));
    let known: Vec<_> = known.into_iter().filter(|&(_, words)| words > 0).collect();
    let sum: usize = known.iter().map(|&(_, words)| words).sum();
    assert_eq!(counts.total(), sum + counts.other());
    (known, counts.other())
}

/// A text, its words by language, and its words of none.
type Row<'a> = (&'a str, &'a [(Language, usize)], usize);

fn check(rows: &[Row<'_>]) {
    for &(text, known, other) in rows {
        assert_eq!(counts(text), (known.to_vec(), other), "{text}");
    }
}

#[test]
fn words_are_counted_where_the_script_tells() {
    check(&[
        ("先加后减", &[(Zh, 4)], 0),
        ("先加，后减。", &[(Zh, 4)], 0),
        ("二加三等于五", &[(Zh, 6)], 0),
        ("這個問題需要證明", &[(Zh, 8)], 0),
        ("人々の生活", &[(Ja, 5)], 0),
        ("あい", &[(Ja, 2)], 0),
        // A run of katakana is one word.
        ("カタカナ", &[(Ja, 1)], 0),
        ("データを見る", &[(Ja, 4)], 0),
        ("ﾃﾞｰﾀ", &[(Ja, 1)], 0),
        ("답은 오입니다", &[(Ko, 2)], 0),
        ("이차식을 인수분해합니다.", &[(Ko, 2)], 0),
        ("먼저 3개를 더합니다", &[(Ko, 3)], 0),
        ("ответ равен пяти", &[(Ru, 3)], 0),
        ("Ёжик и кот", &[(Ru, 3)], 0),
        ("الجواب هو خمسة", &[(Ar, 3)], 0),
        ("أولاً، نجمع العددين.", &[(Ar, 3)], 0),
        // Scripts and letters of no target.
        ("відповідь дорівнює п'яти", &[], 3),
        ("їжак і кіт. Ответ равен пяти.", &[(Ru, 3)], 3),
        ("одговор је пет", &[], 3),
        ("پاسخ پنج است", &[], 3),
        ("جواب پانچ ہے", &[], 3),
        ("η απάντηση είναι πέντε", &[], 3),
        ("התשובה היא חמש", &[], 3),
        ("उत्तर पाँच है", &[], 3),
        // Thai has no blanks: a letter with its marks is a word.
        ("กขค", &[], 3),
        ("กิน", &[], 2),
        // The sentence decides on Han characters.
        ("答えは五です。", &[(Ja, 6)], 0),
        ("まず、二を足す。次に、三を引く。", &[(Ja, 12)], 0),
        ("数学的帰納法、および背理法を使う。", &[(Ja, 15)], 0),
        ("答えは五です。我们得到五。", &[(Zh, 5), (Ja, 6)], 0),
        ("我们说ありがとう是谢谢。", &[(Zh, 6), (Ja, 5)], 0),
        ("答案是五", &[(Zh, 4)], 0),
    ]);
}

#[test]
fn words_in_latin_letters_are_counted_by_their_sentence() {
    check(&[
        ("We add the numbers.", &[(En, 4)], 0),
        ("don't stop", &[(En, 2)], 0),
        ("don’t stop", &[(En, 2)], 0),
        ("It's the triangle's side.", &[(En, 4)], 0),
        ("a non-negative value", &[(En, 3)], 0),
        ("Nous ajoutons les nombres.", &[(Fr, 4)], 0),
        // As UAX #29 has it, an elided article is no word of its own.
        ("l'équation d'abord, s'il vous plaît", &[(Fr, 5)], 0),
        ("l’équation d’abord, s’il vous plaît", &[(Fr, 5)], 0),
        ("Wir addieren die Zahlen.", &[(De, 4)], 0),
        ("Sumamos los dos números.", &[(Es, 4)], 0),
        ("Sommiamo i due numeri della lista.", &[(It, 5)], 0),
        ("Somamos os dois números.", &[(Pt, 4)], 0),
        ("We tellen de getallen bij elkaar op.", &[(Nl, 7)], 0),
        ("Dodajemy do siebie obie liczby.", &[], 5),
        ("Először összeadjuk a két számot.", &[], 4),
        ("Önce iki sayıyı toplarız.", &[], 4),
        // Marks may stand apart.
        ("Les e\u{301}le\u{300}ves de l'e\u{301}cole sont la\u{300}.", &[(Fr, 6)], 0),
        ("Ｗｅ ａｄｄ ｔｈｅ ｎｕｍｂｅｒｓ．", &[(En, 4)], 0),
        ("WE GET THE ANSWER", &[(En, 3)], 0),
        // A sentence each.
        ("We add the numbers. Nous ajoutons les nombres.", &[(En, 4), (Fr, 4)], 0),
        ("Das ist die Antwort. That is the answer.", &[(En, 4), (De, 4)], 0),
        ("Wir addieren die Zahlen,\nand then we are done.", &[(En, 5), (De, 4)], 0),
        ("The German word Wahrscheinlichkeit is long.", &[(En, 6)], 0),
        ("We had lunch at the restaurant Chez Marie.", &[(En, 8)], 0),
    ]);
}

#[test]
fn mixed_scripts_count_for_each() {
    check(&[
        ("so 先加", &[(En, 1), (Zh, 2)], 0),
        ("用 induction 证明", &[(En, 1), (Zh, 3)], 0),
        ("注意base case成立", &[(En, 2), (Zh, 4)], 0),
        ("所以 so 所以 so", &[(En, 2), (Zh, 4)], 0),
        ("所以答案是五, and we are done", &[(En, 4), (Zh, 6)], 0),
        ("induction으로 증명", &[(En, 1), (Ko, 2)], 0),
        ("ответ is five", &[(En, 2), (Ru, 1)], 0),
        ("الجواب is five", &[(En, 2), (Ar, 1)], 0),
        ("答えは five です", &[(En, 1), (Ja, 5)], 0),
        ("La réponse est juste. 答案正确。", &[(Zh, 4), (Fr, 4)], 0),
    ]);
}

#[test]
fn maths_code_and_names_are_no_words() {
    check(&[
        ("", &[], 0),
        ("3 + 4 = 7", &[], 0),
        ("x + y = z", &[], 0),
        ("1,000,000", &[], 0),
        ("100%", &[], 0),
        ("😀😀", &[], 0),
        ("$$\\sum_{k=1}^n k$$", &[], 0),
        ("x1 + x_2 and a_b", &[(En, 1)], 0),
        ("α + β = γ", &[], 0),
        ("𝑥 + 𝑦", &[], 0),
        ("n ∈ ℕ, xⁿ", &[], 0),
        ("ab = cd + ef", &[], 0),
        ("2ab + 3bc", &[], 0),
        ("长是 12 cm，重 5 kg", &[(Zh, 3)], 0),
        ("速度是 60 km/h", &[(Zh, 3)], 0),
        ("共有 5 mol", &[(Zh, 2)], 0),
        ("三角形 ABC 中 AB 最长", &[(Zh, 6)], 0),
        ("因为 sin x 和 cos x 都是", &[(Zh, 5)], 0),
        ("取 log 后", &[(Zh, 2)], 0),
        ("调用 getValue 和 snake_case", &[(Zh, 3)], 0),
        ("调用 range(10) 和 foo()", &[(Zh, 3)], 0),
        ("函数 floor(x) 成立", &[(Zh, 4)], 0),
        ("the number(s) of cases", &[(En, 4)], 0),
        ("写 `for i in range` 吧", &[(Zh, 2)], 0),
        ("代码：\n```python\nfor item in range(3):\n    print(item)\n```\n完毕。", &[(Zh, 4)], 0),
        ("<think>\nWe add two.\n</think>", &[(En, 3)], 0),
        ("答案是 \\boxed{\\text{five}}", &[(Zh, 3)], 0),
        ("From $x^2=4$ we get $x=2$ or $x=-2$.", &[(En, 4)], 0),
        ("It costs $5 and $10 in all.", &[(En, 5)], 0),
        ("e.g. this", &[(En, 1)], 0),
        ("see https://example.com/some/page now", &[(En, 2)], 0),
        ("the 2nd and 3rd", &[(En, 2)], 0),
        ("I see a cat", &[(En, 2)], 0),
    ]);
}

#[test]
fn shares_are_of_all_words() {
    for (text, target, share) in [
        ("one two three 四", En, 0.75),
        ("one two three 四", Zh, 0.25),
        ("мир", En, 0.0),
        ("мир", Ru, 1.0),
        ("", Zh, 0.0),
        ("$x$", En, 0.0),
        ("1 2 3", Zh, 0.0),
        ("Nous ajoutons les nombres.", Fr, 1.0),
        ("Nous ajoutons les nombres.", En, 0.0),
        ("答えは五です。", Ja, 1.0),
        ("答えは五です。", Zh, 0.0),
    ] {
        assert_eq!(language_share(text, target), share, "{text} {target}");
    }
}

#[test]
fn languages_are_named_by_their_codes() {
    for language in Language::ALL {
        assert_eq!(language.code().parse(), Ok(language));
        let json = format!("\"{language}\"");
        assert_eq!(serde_json::to_string(&language).unwrap(), json);
        assert_eq!(serde_json::from_str::<Language>(&json).unwrap(), language);
        assert_eq!(Language::ALL[language as usize], language);
    }
    for (tag, language) in [("EN", En), ("zh-Hans", Zh), ("zh_CN", Zh), ("pt-BR", Pt)] {
        assert_eq!(tag.parse(), Ok(language));
    }
    for tag in ["", "xx", "eng", "-en", "english"] {
        assert!(tag.parse::<Language>().is_err(), "{tag}");
    }
}

#[test]
fn megabytes_are_read_in_one_pass() {
    for unit in [
        "word ",
        "a",
        "先",
        "é",
        "の先",
        "한",
        "б ",
        "word.",
        "A B ",
        "AB=",
        "ab  ",
        "'",
        "l'",
        "sin(",
        "\u{301}",
        "😀",
        "ก",
        "ab\u{200D}",
        "x_",
        "1",
        ". ",
        "ABC ",
    ] {
        let text = unit.repeat(200_000 / unit.len());
        assert!((0.0..=1.0).contains(&language_share(&text, En)));
    }
}

/// Words, signs and characters of every kind.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "the ", "und ", "l'", "Zahl", "number", ". ", ", ", "\n", "先", "加", "の", "カ", "한국", "ответ", "і",
            "الجواب", "گ", "$", "`", "\\", "\\frac{", "}", "<think>", "1", "x", "_", "AB", "=", "'", "’",
            "e\u{301}", "\u{200D}", "ก", "😀", "ＡＢ", "(", ")", "```\n", "://",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..Default::default() })]

    #[test]
    fn shares_of_any_text_add_up_to_one_at_most(text in hostile_text()) {
        let counts = WordCounts::of(&text);
        let sum: f64 = Language::ALL.into_iter().map(|language| counts.share(language)).sum();
        prop_assert!((0.0..=1.0 + 1e-9).contains(&sum));
        prop_assert_eq!(counts.total() == 0, sum == 0.0 && counts.other() == 0);
        for language in Language::ALL {
            prop_assert!((0.0..=1.0).contains(&language_share(&text, language)));
        }
    }

    #[test]
    fn more_words_of_the_target_never_lower_the_share(han in 1_usize..40, words in 0_usize..40) {
        let text = |han: usize| format!("{}{}", "先".repeat(han), " the".repeat(words));
        let share = |han: usize| language_share(&text(han), Zh);
        prop_assert!(share(han + 1) >= share(han));
        prop_assert_eq!(share(han), han as f64 / (han + words) as f64);
    }

    #[test]
    fn maths_between_words_changes_nothing(at in 0_usize..6, formula in "[a-z0-9+=^ ]{1,9}") {
        let words = ["we", "add", "both", "numbers", "and", "finish"];
        let mut with = words.map(str::to_owned);
        with[at].push_str(&format!(" ${}$", formula.trim().replace(' ', "")));
        prop_assume!(!formula.trim().is_empty());
        prop_assert_eq!(WordCounts::of(&with.join(" ")), WordCounts::of(&words.join(" ")));
    }

    #[test]
    fn paragraphs_of_scripts_are_counted_apart(han in 0_usize..20, cyrillic in 0_usize..20) {
        let text = format!("{}\n\n{}", "加".repeat(han), "ответ ".repeat(cyrillic));
        let counts = WordCounts::of(&text);
        prop_assert_eq!((counts.words(Zh), counts.words(Ru)), (han, cyrillic));
        prop_assert_eq!(counts.total(), han + cyrillic);
    }
}
