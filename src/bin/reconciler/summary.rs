//! What GitHub shows of a job: Markdown appended to the file that `GITHUB_STEP_SUMMARY` names; elsewhere nothing.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary>

use std::io::Write;

/// Adds to the summary. That it cannot be written is said, and is no reason for another exit code.
pub fn append(markdown: &str) {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else {
        return;
    };
    let opened = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file);
    if let Err(error) = opened.and_then(|mut opened| writeln!(opened, "{markdown}")) {
        eprintln!("warning: no summary in {}: {error}", file.display());
    }
}

/// How a run ended, in the words that were printed: the first line, and below it the rest as it stands.
pub fn outcome(good: bool, said: &str) -> String {
    let (first, rest) = said
        .trim_end()
        .split_once('\n')
        .unwrap_or((said.trim_end(), ""));
    let mark = if good { "✅" } else { "❌" };
    let heading = format!("### {mark} {first}\n");
    if rest.is_empty() {
        return heading;
    }
    // Longer than any fence within: AWS's words may hold one.
    format!("{heading}\n`````text\n{rest}\n`````\n")
}
