//! The operator's one binary. Everything is in the library.

use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match jumpcloud_operator::cli::main().await {
        Ok(code) => code,
        Err(error) => {
            // Whoever read standard error may be gone.
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
