//! A name server that lies: private answers, mixed ones, answers that change, very many, none at all.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stadtbus_harness::{Failure, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use crate::space::NAMES;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// What goes over UDP without being cut off.
const UDP_BYTES_MAX: usize = 512;
/// As many records as one message holds (16 bytes each): a name with more cannot be told.
const VERY_MANY: usize = 4_000;
const SLOW: Duration = Duration::from_millis(600);

/// What a name answers.
#[derive(Clone, Copy)]
enum Says {
    /// These addresses, always.
    Always(&'static [&'static str]),
    /// The first to the first question, the second from then on.
    Changes(&'static str, &'static str),
    /// Another name, which has this address.
    Alias(&'static str),
    /// Very many addresses.
    VeryMany,
    /// A private address, late.
    Slowly,
    /// Nothing, ever.
    Silence,
}

const NAMES_KNOWN: &[(&str, Says)] = &[
    ("private", Says::Always(&["10.1.2.3"])),
    ("private172", Says::Always(&["172.16.0.1"])),
    ("private192", Says::Always(&["192.168.1.1"])),
    ("shared", Says::Always(&["100.64.1.1"])),
    ("loop", Says::Always(&["127.0.0.1"])),
    ("loop6", Says::Always(&["::1"])),
    ("meta", Says::Always(&["169.254.169.254"])),
    ("metasix", Says::Always(&["fd00:ec2::254"])),
    ("azure", Says::Always(&["168.63.129.16"])),
    ("six", Says::Always(&["fd00::5"])),
    ("mapped", Says::Always(&["::ffff:10.1.2.3"])),
    ("nat64", Says::Always(&["64:ff9b::10.1.2.3"])),
    ("sixtofour", Says::Always(&["2002:a01:203::"])),
    ("zero", Says::Always(&["0.0.0.0"])),
    ("unspecified", Says::Always(&["::"])),
    ("own", Says::Always(&["11.0.0.1"])),
    ("mixed", Says::Always(&["8.8.8.8", "10.1.2.3"])),
    ("mixedsix", Says::Always(&["8.8.8.8", "fd00::5"])),
    (
        "mixedmeta",
        Says::Always(&["8.8.8.8", "2a00::5", "169.254.169.254"]),
    ),
    ("alias", Says::Alias("10.1.2.3")),
    ("aliasmeta", Says::Alias("169.254.169.254")),
    ("rebind", Says::Changes("8.8.8.8", "10.1.2.3")),
    ("rebindmeta", Says::Changes("8.8.8.8", "169.254.169.254")),
    ("rebindloop", Says::Changes("8.8.8.8", "127.0.0.1")),
    ("many", Says::VeryMany),
    ("slow", Says::Slowly),
    ("silent", Says::Silence),
];

/// Answers by UDP and TCP until the program ends.
pub(crate) async fn serve() -> Outcome<()> {
    let at: SocketAddr = format!("{NAMES}:53")
        .parse()
        .map_err(|_| Failure::new("no address for names"))?;
    let (udp, tcp) = (Arc::new(UdpSocket::bind(at).await?), TcpListener::bind(at).await?);
    let asked: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut packet = [0; 4096];
        while let Ok((length, from)) = udp.recv_from(&mut packet).await {
            let question = packet.get(..length).unwrap_or_default().to_vec();
            let (udp, counted) = (Arc::clone(&udp), Arc::clone(&counted));
            tokio::spawn(async move {
                if let Some(answer) = answer(&question, &counted, UDP_BYTES_MAX).await {
                    let _ = udp.send_to(&answer, from).await;
                }
            });
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut question = vec![0; usize::from(length)];
                    if stream.read_exact(&mut question).await.is_err() {
                        return;
                    }
                    let Some(answer) = answer(&question, &asked, usize::from(u16::MAX)).await else {
                        return;
                    };
                    let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
                    if stream.write_u16(length).await.is_err() || stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(())
}

async fn answer(question: &[u8], asked: &Mutex<HashMap<String, usize>>, bytes_max: usize) -> Option<Vec<u8>> {
    let (name, kind, end) = read(question)?;
    let label = name.split('.').next().unwrap_or_default().to_owned();
    let says = NAMES_KNOWN
        .iter()
        .find(|(known, _)| *known == label)
        .map(|(_, says)| *says);
    let times = {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        // A resolver asks for both kinds of address at once: only one of them counts.
        let times = asked.entry(label).or_default();
        *times += usize::from(kind == A);
        *times
    };
    let mut reply = Reply::to(question, end)?;
    let parsed = |texts: &[&str]| {
        texts
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect::<Vec<IpAddr>>()
    };
    match says {
        None => reply.no_such_name(),
        Some(Says::Silence) => return None,
        Some(Says::Always(texts)) => reply.addresses(kind, &parsed(texts)),
        Some(Says::Changes(first, then)) => {
            reply.addresses(kind, &parsed(&[if times <= 1 { first } else { then }]))
        }
        Some(Says::Alias(text)) => {
            reply.alias();
            reply.addresses(kind, &parsed(&[text]));
        }
        Some(Says::VeryMany) => {
            let many: Vec<IpAddr> = (0..VERY_MANY)
                .filter_map(|n| {
                    Some(IpAddr::from([
                        10,
                        1,
                        u8::try_from(n / 256).ok()?,
                        u8::try_from(n % 256).ok()?,
                    ]))
                })
                .collect();
            reply.addresses(kind, &many);
        }
        Some(Says::Slowly) => {
            tokio::time::sleep(SLOW).await;
            reply.addresses(kind, &parsed(&["10.1.2.3"]));
        }
    }
    Some(reply.within(bytes_max))
}

/// The name asked for, the kind of record, and where the question ends.
fn read(question: &[u8]) -> Option<(String, u16, usize)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = question.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

/// An answer being written.
struct Reply {
    question: Vec<u8>,
    status: u8,
    records: Vec<Vec<u8>>,
    /// What the records are about: the question's name, or the alias.
    owner: Vec<u8>,
}

impl Reply {
    fn to(question: &[u8], end: usize) -> Option<Self> {
        Some(Self {
            question: question.get(..end)?.to_vec(),
            status: 0,
            records: Vec::new(),
            owner: vec![0xc0, 12],
        })
    }

    fn no_such_name(&mut self) {
        self.status = 3;
    }

    fn alias(&mut self) {
        let target = b"\x06target\x06attack\x04test\x00";
        self.record(CNAME, target);
        self.owner = target.to_vec();
    }

    fn addresses(&mut self, kind: u16, addresses: &[IpAddr]) {
        for address in addresses {
            match (kind, address) {
                (A, IpAddr::V4(address)) => self.record(A, &address.octets()),
                (AAAA, IpAddr::V6(address)) => self.record(AAAA, &address.octets()),
                _ => {}
            }
        }
    }

    /// Class IN, and a time to live of zero: nobody may remember it.
    fn record(&mut self, kind: u16, data: &[u8]) {
        let mut record = self.owner.clone();
        record.extend(kind.to_be_bytes());
        record.extend([0, 1, 0, 0, 0, 0]);
        record.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
        record.extend(data);
        self.records.push(record);
    }

    /// Cut off, and marked so, where it is longer.
    fn within(self, bytes_max: usize) -> Vec<u8> {
        let whole: usize = self.question.len() + self.records.iter().map(Vec::len).sum::<usize>();
        let fits = whole <= bytes_max;
        let records = if fits { self.records } else { Vec::new() };
        let mut message = self.question;
        let count = u16::try_from(records.len()).unwrap_or(u16::MAX).to_be_bytes();
        let head = [
            0x85 | if fits { 0 } else { 0x02 },
            0x80 | self.status,
            0,
            1,
            count[0],
            count[1],
            0,
            0,
            0,
            0,
        ];
        for (place, byte) in message.iter_mut().skip(2).zip(head) {
            *place = byte;
        }
        for record in records {
            message.extend(record);
        }
        message
    }
}
