//! A new user's way, from the README to the first users by Helm, then on through docs/getting-started.md: every command is run as
//! it stands on the page, with helm and kubectl on a control plane of its own, and prints what the page says.
//!
//! What a test machine has not is played outside of the commands: a node knows the image of the pages as this operator
//! ([`devenv::node`]), and the network of its containers leads to the simulator where it should lead to JumpCloud
//! ([`network`]). The person's own file, `jumpcloud.key`, holds the simulator's key.

mod document;
mod network;
mod printed;
mod terminal;

use std::path::Path;

use devenv::control_plane::{ControlPlane, ControllerManager, Controllers, Options};
use devenv::log_tail::log_tail;
use devenv::node::{Node, Options as NodeOptions};
use jumpcloud_sim::{DEFAULT_KEY, Route, Settings, Sim};
use serde_json::Value;

use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

use document::{Page, Step};
use network::Network;
use printed::differs;
use terminal::Terminal;

const README: &str = "README.md";
const GETTING_STARTED: &str = "docs/getting-started.md";

/// What is there for all namespaces.
const ROLES: &str = "kubectl get clusterroles,clusterrolebindings --output=name --selector=app.kubernetes.io/name=jumpcloud-operator";

/// The image that the pages speak of.
const IMAGE: &str = concat!("registry.example.com/platform/jumpcloud-operator:", env!("CARGO_PKG_VERSION"));

/// The server of the region that the pages take.
const JUMPCLOUD: &str = "console.eu.jumpcloud.com";

/// Sections of docs/getting-started.md in the order in which one person can go through all of them.
const SECTIONS: [&str; 7] = [
    "2. The operator",
    "3. The key",
    "4. The connection",
    "5. The first user",
    "6. Before others use it",
    "Taking it away",
    "One namespace alone",
];

/// The section that needs a registry; [`the_image_is_called_by_its_names`] reads it.
const IMAGE_SECTION: &str = "1. The image";

/// A person who goes through pages at a terminal.
struct Person<'a> {
    terminal: &'a Terminal,
    node: &'a Node,
    done: Vec<String>,
}

impl Person<'_> {
    /// Does what a section says; leaves out what was done before, to the letter.
    fn goes_through(&mut self, page: &Page, name: &str) {
        let steps = page.steps(name);
        assert!(!steps.is_empty(), "{} has nothing to do under {name}", page.title);
        for step in steps {
            match step {
                Step::Save { file, text } => self.terminal.save(&file, &text),
                Step::Run { commands, .. } if self.done.contains(&commands) => {}
                Step::Run { commands, prints } => {
                    let printed = self.terminal.run(&commands);
                    let place = format!("{}, {name}:\n{commands}", page.title);
                    let (text, node) = (&printed.text, self.node);
                    assert!(printed.success, "{place}\nfailed with\n{text}\n{}", account(node));
                    if let Some(wrong) = prints.and_then(|wanted| differs(&wanted, &printed.text)) {
                        panic!("{place}\nprints other things than the page says: {wrong}\n{text}");
                    }
                    self.done.push(commands);
                }
            }
        }
    }
}

/// What the cluster's side has to say when something failed.
fn account(node: &Node) -> String {
    let logs = node.running().into_iter().map(|one| format!("{}:\n{}", one.pod, log_tail(&one.log)));
    format!("the node: {:?}\n{}", node.trouble(), logs.collect::<Vec<_>>().join("\n"))
}

fn page(name: &'static str) -> Page {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    Page::read(name, &std::fs::read_to_string(path).expect("a page"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_the_first_users() {
    let sim = Sim::start(Settings::default()).await.expect("the simulator starts");
    let network = Network::leading_to(sim.address(), JUMPCLOUD).await;
    let controllers = Controllers::RunWorkloads;
    let plane = ControlPlane::start(Options { controllers, ..Options::default() }).expect("a control plane");
    if let ControllerManager::Absent(reason) = plane.controller_manager() {
        println!("skipped, because no Deployment comes to Pods: {reason}");
        return;
    }
    let environment = network.environment(plane.scratch().path());
    let images = [(IMAGE.to_owned(), env!("CARGO_BIN_EXE_jumpcloud-operator").into())].into();
    let node = Node::join(&plane, NodeOptions { images, environment }).expect("a node");
    let terminal = Terminal::open(&plane);
    terminal.save("jumpcloud.key", &format!("{DEFAULT_KEY}\n"));
    let mut person = Person { terminal: &terminal, node: &node, done: Vec::new() };

    let readme = page(README);
    person.goes_through(&readme, "Install");
    person.goes_through(&readme, "A first batch");
    let made = sim.requests(Route::BulkCreate);
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0].usernames, ["ada", "grace"]);
    let ada = sim.user("ada").expect("ada exists");
    assert_eq!(
        [&ada["email"], &ada["lastname"], &ada["department"], &ada["state"]],
        ["ada@example.com", "Lovelace", "Sales", "STAGED"].map(Value::from).each_ref()
    );

    assert_ne!(terminal.run(ROLES).text, "");

    let guide = page(GETTING_STARTED);
    let mut with_commands = guide.with_commands();
    with_commands.retain(|name| name != IMAGE_SECTION);
    with_commands.sort();
    let mut sections = SECTIONS;
    sections.sort_unstable();
    assert_eq!(with_commands, sections, "a section with commands is not run, or is gone");
    for name in SECTIONS {
        person.goes_through(&guide, name);
        if name == "Taking it away" {
            eventually("the operator ends", PATIENCE, async || {
                let running = node.running();
                if running.is_empty() { Ok(()) } else { Err(running) }
            })
            .await;
            let left = terminal.run("kubectl get jcconn,jcub --all-namespaces --output=name");
            for object in ["jumpcloudconnection.jumpcloud-operator.dev/default", "/sales", "/first"] {
                assert!(left.text.contains(object), "{object} is gone: {}", left.text);
            }
        }
    }
    assert!(sim.user("try.out").is_some(), "the first user of the guide is gone");
    assert_eq!(sim.requests(Route::BulkCreate).len(), 2);
    // In one namespace alone there is nothing for all of them.
    assert_eq!(terminal.run(ROLES).text, "");
    // The key went to JumpCloud's name and to no other.
    let asked = network.asked();
    assert!(!asked.is_empty() && asked.iter().all(|place| *place == format!("{JUMPCLOUD}:443")), "{asked:?}");
    drop(node);
}

/// Nothing is pushed here, but what is pushed must be what `make image` makes and `helm install` pulls.
#[test]
fn the_image_is_called_by_its_names() {
    let guide = page(GETTING_STARTED);
    let version = env!("CARGO_PKG_VERSION");
    let commands: Vec<String> = guide
        .steps(IMAGE_SECTION)
        .into_iter()
        .filter_map(|step| match step {
            Step::Run { commands, .. } => Some(commands),
            Step::Save { .. } => None,
        })
        .collect();
    let commands = commands.join("\n");
    let archive = format!("oci-archive:target/image/jumpcloud-operator-{version}.tar ");
    assert!(commands.contains(&archive) && commands.contains(&format!("docker://{IMAGE}\n")), "{commands}");
    let makefile = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Makefile"));
    let made = "target)/image/jumpcloud-operator-$(VERSION).tar";
    assert!(makefile.expect("a Makefile").contains(made), "`make image` writes to another place");
}
