//! An SSH server's version line and its first packet, which say which keys it has.

use std::time::Duration;

use runproof_facts::kind::ssh::{Ssh, SshQuery};
use runproof_facts::service::Service;
use runproof_model::text::one_line;
use runproof_model::{Observed, Reason, ReasonKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{broken, closed, dial, endpoint, lost, not_asked};
use crate::dial::{Place, Stream};

/// RFC 4253: a version line has 255 bytes at most, a packet 35000.
const BANNER_CAP: usize = 255;
const LINES_BEFORE: usize = 50;
const PACKET_CAP: usize = 35_000;
/// The message that begins a key exchange.
const KEXINIT: u8 = 20;
/// How long all of it may take.
const TIME: Duration = Duration::from_secs(8);

pub(super) async fn collect(place: &Place, query: &SshQuery) -> Result<Ssh, Reason> {
    let to = endpoint(&query.ssh)?;
    let mut stream = match dial(place, query.from, &to).await {
        Ok(stream) => stream,
        Err(why) => return closed(query, why),
    };
    let mut fact = Ssh::blank(query, &not_asked());
    fact.reachable = Observed::Known(true);
    let asked = tokio::time::timeout(TIME, ask(&mut stream, &mut fact))
        .await
        .unwrap_or_else(|_| Err(Reason::new(ReasonKind::Timeout, "the server says nothing")));
    match asked {
        Ok(()) => fact.trouble = Observed::Absent,
        Err(reason) if fact.banner.known().is_none() => return Ok(broken(query, &reason)),
        Err(reason) => fact.trouble = Observed::Known(reason.to_string()),
    }
    Ok(fact)
}

async fn ask(stream: &mut Stream, fact: &mut Ssh) -> Result<(), Reason> {
    fact.banner = Observed::Known(banner(stream).await?);
    stream
        .write_all(b"SSH-2.0-runproof\r\n")
        .await
        .map_err(|error| lost(&error))?;
    stream.flush().await.map_err(|error| lost(&error))?;
    let length = stream.read_u32().await.map_err(|error| lost(&error))?;
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (20..=PACKET_CAP).contains(length))
        .ok_or_else(|| Reason::new(ReasonKind::Garbled, "no packet of SSH"))?;
    let mut packet = vec![0; length];
    stream
        .read_exact(&mut packet)
        .await
        .map_err(|error| lost(&error))?;
    let lists =
        lists(&packet).ok_or_else(|| Reason::new(ReasonKind::Garbled, "no first packet"))?;
    let mut lists = lists.into_iter().skip(1);
    fact.host_keys = lists.next().into();
    fact.ciphers = lists.next().into();
    Ok(())
}

/// The version line; a server may say other lines before it.
async fn banner(stream: &mut Stream) -> Result<String, Reason> {
    for _ in 0..LINES_BEFORE {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            if line.len() >= BANNER_CAP {
                return Err(Reason::new(ReasonKind::Garbled, "it is no SSH"));
            }
            line.push(stream.read_u8().await.map_err(|error| lost(&error))?);
        }
        if line.starts_with(b"SSH-") {
            return Ok(one_line(
                String::from_utf8_lossy(&line).trim_end(),
                BANNER_CAP,
            ));
        }
    }
    Err(Reason::new(ReasonKind::Garbled, "it is no SSH"))
}

/// The lists of names in a packet that begins a key exchange.
fn lists(packet: &[u8]) -> Option<Vec<Vec<String>>> {
    let (&padding, rest) = packet.split_first()?;
    let payload = rest.get(..rest.len().checked_sub(usize::from(padding))?)?;
    let (&KEXINIT, rest) = payload.split_first()? else {
        return None;
    };
    let mut rest = rest.get(16..)?;
    let mut lists = Vec::new();
    for _ in 0..10 {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let text = std::str::from_utf8(behind.get(..length)?).ok()?;
        rest = behind.get(length..)?;
        let names = text.split(',').filter(|name| !name.is_empty());
        lists.push(names.map(|name| one_line(name, 100)).collect());
    }
    Some(lists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_second_list_names_the_keys() {
        let mut payload = vec![KEXINIT];
        payload.extend([0; 16]);
        for list in [
            "kex",
            "ssh-ed25519,rsa-sha2-512",
            "aes",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
        ] {
            payload.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
            payload.extend(list.as_bytes());
        }
        let mut packet = vec![4];
        packet.extend(payload);
        packet.extend([0; 4]);
        let found = lists(&packet).unwrap();
        assert_eq!(found[1], ["ssh-ed25519", "rsa-sha2-512"]);
    }

    proptest! {
        #[test]
        fn no_packet_panics(packet in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = lists(&packet);
        }
    }
}
