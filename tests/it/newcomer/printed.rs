//! What a page says that commands print, and what they print.

/// The first difference. A line `...` of the page stands for any lines; spaces are those of columns, and ages are of no interest.
pub fn differs(page: &str, printed: &str) -> Option<String> {
    let wanted: Vec<String> = page.lines().map(plain).collect();
    let found: Vec<String> = printed.lines().map(plain).collect();
    let mut rest = found.as_slice();
    let mut parts = wanted.split(|line| line == "...").peekable();
    let mut is_first = true;
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let missing = || Some(format!("{part:#?} is not there"));
        let at = match (is_first, is_last) {
            (true, true) => (rest == part).then_some(0),
            (true, false) => rest.starts_with(part).then_some(0),
            (false, true) => rest.ends_with(part).then(|| rest.len() - part.len()),
            (false, false) => (0..=rest.len()).find(|at| rest[*at..].starts_with(part)),
        };
        let Some(at) = at else { return missing() };
        rest = &rest[at + part.len()..];
        is_first = false;
    }
    None
}

fn plain(line: &str) -> String {
    let words = line.split_whitespace().map(|word| if is_age(word) { "AGE-OF-IT" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// As kubectl writes it: 5s, 2m30s, 4h, 3d2h.
fn is_age(word: &str) -> bool {
    let mut has_number = false;
    for letter in word.chars() {
        match letter {
            '0'..='9' => has_number = true,
            'd' | 'h' | 'm' | 's' if has_number => has_number = false,
            _ => return false,
        }
    }
    !has_number && !word.is_empty()
}

#[test]
fn ages_and_columns_may_differ_and_nothing_else() {
    let page = "NAME   AGE\nsales  4s\n";
    assert_eq!(differs(page, "NAME     AGE\nsales    1m20s\n"), None);
    for printed in ["NAME AGE\n", "NAME AGE\nsales 4x\n", "NAME AGE\nhr 4s\n", "NAME AGE\nsales 4s\nhr 4s\n"]
    {
        assert!(differs(page, printed).is_some(), "{printed}");
    }
    let page = "first\n...\nmiddle\n...\n";
    assert_eq!(differs(page, "first\na\nmiddle\nb\n"), None);
    assert_eq!(differs(page, "first\nmiddle\n"), None);
    assert!(differs(page, "first\nb\n").is_some());
    assert!(differs(page, "b\nfirst\nmiddle\n").is_some());
    let page = "...\nlast\n";
    assert_eq!(differs(page, "a\nlast\n"), None);
    assert!(differs(page, "last\na\n").is_some());
}
