//! Another machine, and how it is spoken to: the system's ssh with the user's own configuration.

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;
use weighbridge_project::process::{command, interrupted, shown};

/// ssh's own exit code when the connection could not be made or was cut.
const CUT: i32 = 255;

/// `ssh://[user@]host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host {
    user: Option<String>,
    name: String,
    port: Option<u16>,
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}`: {why}; expected ssh://[user@]host[:port]");
        let rest = text.strip_prefix("ssh://").ok_or_else(|| wrong("only ssh is spoken"))?;
        let rest = rest.trim_end_matches('/');
        let (user, place) = match rest.split_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, rest),
        };
        // An address of IPv6 stands in brackets: it holds colons itself.
        let (name, port) = match place.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((address, after)) => (address, after.strip_prefix(':')),
            None => place.split_once(':').map_or((place, None), |(name, port)| (name, Some(port))),
        };
        let port = port
            .map(|digits| digits.parse().map_err(|_| wrong(&format!("`{digits}` is no port"))))
            .transpose()?;
        // What begins with a hyphen would be an option to ssh.
        let is_plain = |word: &str| {
            !word.is_empty()
                && !word.starts_with('-')
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:%".contains(&b))
        };
        if !is_plain(name) || user.as_deref().is_some_and(|user| !is_plain(user)) {
            return Err(wrong("no host"));
        }
        Ok(Self { user, name: name.to_owned(), port })
    }
}

impl TryFrom<String> for Host {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.to_string()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.name.contains(':') {
            write!(f, "[{}]", self.name)?;
        } else {
            f.write_str(&self.name)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// How a remote command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The command itself ended, with this exit code.
    Exited(i32),
    /// There was no connection, or it was cut.
    Cut,
}

impl Host {
    /// A name for the machine, in the raw log and in names of folders.
    #[must_use]
    pub fn machine(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name: String = self.name.chars().map(plain).collect();
        match self.port {
            Some(port) => format!("{name}-{port}"),
            None => name,
        }
    }

    /// ssh with `script` and its words, to be run there. Nothing is asked for and nothing is forwarded; whether the
    /// host's key is accepted is the user's configuration's affair.
    #[must_use]
    pub fn command(&self, script: &[&str]) -> Command {
        let program = std::env::var_os("WEIGHBRIDGE_SSH").unwrap_or_else(|| "ssh".into());
        let mut ssh = command(program);
        for option in [
            "BatchMode=yes",
            "ForwardAgent=no",
            "ForwardX11=no",
            "ClearAllForwardings=yes",
            "RequestTTY=no",
            "ConnectTimeout=10",
            // A link that is silently gone is noticed after 15 seconds.
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
        ] {
            ssh.args(["-o", option]);
        }
        if let Some(port) = self.port {
            ssh.args(["-p", &port.to_string()]);
        }
        if let Some(user) = &self.user {
            ssh.args(["-l", user]);
        }
        let words: Vec<String> = script.iter().map(|word| quoted(word)).collect();
        ssh.arg("--").arg(&self.name).arg(words.join(" "));
        ssh.stdin(Stdio::null());
        ssh
    }

    /// Runs a command there to its end and gives what it printed.
    ///
    /// # Errors
    /// It failed, or the host cannot be reached; the message says which.
    pub fn ask(&self, script: &[&str]) -> Result<String> {
        let (text, ending) = self.try_ask(script)?;
        match ending {
            Ending::Exited(0) => Ok(text),
            Ending::Exited(code) => {
                bail!("{self}: `{}` ended with exit code {code}", script.join(" "))
            }
            Ending::Cut => bail!("{self} cannot be reached (try: ssh {} true)", self.name),
        }
    }

    /// As [`Host::ask`], for who knows what to do about each ending.
    ///
    /// # Errors
    /// ssh cannot be started.
    pub fn try_ask(&self, script: &[&str]) -> Result<(String, Ending)> {
        let mut ssh = self.command(script);
        let text = shown(&ssh);
        let output = ssh
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("run `{text}` (is ssh installed?)"))?;
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), ending(output.status.code())))
    }

    /// Sends a file into a command there.
    ///
    /// # Errors
    /// As [`Host::ask`].
    pub fn send(&self, file: &Path, script: &[&str]) -> Result<()> {
        let opened = File::open(file).with_context(|| format!("open {}", file.display()))?;
        let mut ssh = self.command(script);
        let status = ssh.stdin(opened).status().context("run ssh")?;
        ensure!(!interrupted(), weighbridge_project::exit::InterruptedError);
        ensure!(status.success(), "{self}: {} was not taken ({status})", file.display());
        Ok(())
    }
}

/// What ssh's exit status means; `None` is a signal.
#[must_use]
pub fn ending(code: Option<i32>) -> Ending {
    match code {
        None | Some(CUT) => Ending::Cut,
        Some(code) => Ending::Exited(code),
    }
}

/// The word as the far side's shell takes it literally.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-=,:+".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_and_shown() {
        for text in ["ssh://pi", "ssh://me@pi.local:2222", "ssh://[::1]:22", "ssh://10.0.0.2"] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
        let host: Host = "ssh://me@pi.local:2222/".parse().unwrap();
        assert_eq!(host.machine(), "pi.local-2222");
        let json = serde_json::to_string(&host).unwrap();
        assert_eq!(json, "\"ssh://me@pi.local:2222\"");
        assert_eq!(serde_json::from_str::<Host>(&json).unwrap(), host);
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for (text, expected) in [
            ("pi", "only ssh is spoken"),
            ("ssh://", "no host"),
            ("ssh://-oProxyCommand=x", "no host"),
            ("ssh://a b", "no host"),
            ("ssh://-l@pi", "no host"),
            ("ssh://pi:http", "`http` is no port"),
        ] {
            let error = text.parse::<Host>().unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_command_forwards_nothing_and_quotes_its_words() {
        let host: Host = "ssh://me@pi:22".parse().unwrap();
        let text = shown(&host.command(&["sh", "/a b/it's", "x"]));
        assert!(text.contains("-o BatchMode=yes -o ForwardAgent=no"), "{text}");
        assert!(text.ends_with(r"-p 22 -l me -- pi sh '/a b/it'\''s' x"), "{text}");
    }
}
