//! The command line: one option.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};

/// The address after `--listen`.
///
/// # Errors
/// It is missing, no address, or something else is there.
pub fn listen(arguments: &[String]) -> anyhow::Result<SocketAddr> {
    match arguments {
        [option, address] if option == "--listen" => address
            .parse()
            .with_context(|| format!("`{address}` is no address; write it as 127.0.0.1:8080")),
        _ => bail!("usage: weighbridge-shell --listen ADDRESS:PORT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<SocketAddr, String> {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        listen(&arguments).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn an_address_is_asked_for() {
        assert_eq!(read(&["--listen", "127.0.0.1:80"]), Ok(([127, 0, 0, 1], 80).into()));
        assert!(read(&["--listen", "localhost"]).unwrap_err().contains("`localhost`"));
        for wrong in [&[][..], &["--listen"], &["--port", "1"]] {
            assert!(read(wrong).unwrap_err().starts_with("usage:"), "{wrong:?}");
        }
    }
}
