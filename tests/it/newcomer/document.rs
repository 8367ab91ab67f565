//! What a page tells to do.

/// A page, by its sections.
pub struct Page {
    /// What it is called in messages.
    pub title: &'static str,
    sections: Vec<Section>,
}

struct Section {
    name: String,
    blocks: Vec<Block>,
}

/// What stands between two fences.
struct Block {
    language: String,
    text: String,
    /// The paragraph before it; nothing when it directly follows another block.
    before: String,
}

/// Something to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Text to save: a block of YAML after "as `FILE`".
    Save {
        /// The file.
        file: String,
        /// Its content.
        text: String,
    },
    /// Commands to run, and what they print, if the page says so.
    Run {
        /// The commands.
        commands: String,
        /// A block of text that directly follows.
        prints: Option<String>,
    },
}

impl Page {
    /// Reads Markdown.
    pub fn read(title: &'static str, text: &str) -> Self {
        let mut sections = vec![Section { name: String::new(), blocks: Vec::new() }];
        let mut before = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let inner = line.trim_start();
            if let Some(language) = inner.strip_prefix("```") {
                let indent = line.len() - inner.len();
                let mut text = String::new();
                for line in lines.by_ref().take_while(|line| line.trim() != "```") {
                    text.push_str(line.get(indent..).unwrap_or_default());
                    text.push('\n');
                }
                let section = sections.last_mut().expect("there is one");
                let before = std::mem::take(&mut before);
                section.blocks.push(Block { language: language.to_owned(), text, before });
            } else if let Some(name) = line.strip_prefix("## ") {
                sections.push(Section { name: name.to_owned(), blocks: Vec::new() });
                before.clear();
            } else if inner.is_empty() {
                // Words before a blank line stay the words before the block.
                if !before.is_empty() && !before.ends_with('\n') {
                    before.push('\n');
                }
            } else {
                if before.ends_with('\n') {
                    before.clear();
                }
                before.push_str(inner);
                before.push(' ');
            }
        }
        Self { title, sections }
    }

    /// The names of sections with commands.
    pub fn with_commands(&self) -> Vec<String> {
        let has = |section: &&Section| section.blocks.iter().any(|block| block.language == "sh");
        self.sections.iter().filter(has).map(|section| section.name.clone()).collect()
    }

    /// What is to be done in a section. Other YAML than that to save is a part of a file, for reading.
    pub fn steps(&self, name: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(section) = self.sections.iter().find(|section| section.name == name) else { return steps };
        for Block { language, text, before } in &section.blocks {
            match (language.as_str(), steps.last_mut()) {
                ("sh", _) => steps.push(Step::Run { commands: text.clone(), prints: None }),
                ("yaml", _) => {
                    steps.extend(file(before).map(|file| Step::Save { file, text: text.clone() }));
                }
                ("text", Some(Step::Run { prints: prints @ None, .. })) if before.is_empty() => {
                    *prints = Some(text.clone());
                }
                _ => panic!("{}, {name}: this block says nothing to do:\n{text}", self.title),
            }
        }
        steps
    }
}

/// The file that a paragraph tells to save as.
fn file(paragraph: &str) -> Option<String> {
    let rest = paragraph.to_lowercase().find("as `").and_then(|at| paragraph.get(at + 4..))?;
    rest.split('`').next().filter(|name| name.ends_with(".yaml")).map(str::to_owned)
}

#[test]
fn a_page_is_read_as_a_person_reads_it() {
    let text = "# Title\n```sh\nmake demo\n```\n## Do\nThis, as `a.yaml`:\n\n```yaml\na: 1\n\nb: 2\n```\n\nThen\n\
        ```sh\nkubectl apply -f a.yaml\nkubectl get a\n```\n```text\na created\n```\n\
        - a point\n\n  ```sh\n  one\n    two\n  ```\n\nThis is a part, see `b.yaml`:\n```yaml\n- c\n```\n## Read\nNothing.\n";
    let page = Page::read("a page", text);
    let run = |commands: &str, prints: Option<&str>| Step::Run {
        commands: commands.to_owned(),
        prints: prints.map(str::to_owned),
    };
    let wanted = [
        Step::Save { file: "a.yaml".to_owned(), text: "a: 1\n\nb: 2\n".to_owned() },
        run("kubectl apply -f a.yaml\nkubectl get a\n", Some("a created\n")),
        run("one\n  two\n", None),
    ];
    assert_eq!(page.steps("Do"), wanted);
    assert_eq!(page.with_commands(), ["", "Do"]);
    assert_eq!(page.steps("Read"), []);
}
