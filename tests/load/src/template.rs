//! A request that lies ready: only the digits of numbers and lanes are written before it is sent again.

/// Stands in the text of an event where its number goes, as ten digits.
pub const NUMBER_MARK: &str = "##########";
/// Stands in the text of an event where the lane goes that it is for, as four digits.
pub const LANE_MARK: &str = "@@@@";

/// The bytes of a request with one or more events, and where their numbers stand in it.
#[derive(Debug, Clone)]
pub struct Template {
    bytes: Vec<u8>,
    numbers: Vec<Vec<usize>>,
    lanes: Vec<Vec<usize>>,
}

impl Template {
    /// From the bytes of a request whose events carry the marks; `events` is how many there are, each with the same
    /// number of marks.
    #[must_use]
    pub fn new(bytes: Vec<u8>, events: usize) -> Self {
        let share = |mark: &str| {
            let spots = find_all(&bytes, mark.as_bytes());
            let each = (spots.len() / events.max(1)).max(1);
            spots.chunks(each).map(<[usize]>::to_vec).collect::<Vec<_>>()
        };
        Self {
            numbers: share(NUMBER_MARK),
            lanes: share(LANE_MARK),
            bytes,
        }
    }

    /// How many events one request carries.
    #[must_use]
    pub fn events(&self) -> usize {
        self.numbers.len()
    }

    /// Writes consecutive numbers from `first` on, and for each the lane that `lane` says.
    pub fn write(&mut self, first: u64, lane: impl Fn(u64) -> u64) -> &[u8] {
        for (number, spots) in (first..).zip(&self.numbers) {
            for spot in spots {
                write_digits(&mut self.bytes, *spot, NUMBER_MARK.len(), number);
            }
        }
        for (number, spots) in (first..).zip(&self.lanes) {
            for spot in spots {
                write_digits(&mut self.bytes, *spot, LANE_MARK.len(), lane(number));
            }
        }
        &self.bytes
    }

    /// The request as it lies there.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn write_digits(bytes: &mut [u8], at: usize, width: usize, mut number: u64) {
    let Some(spot) = bytes.get_mut(at..at + width) else {
        return;
    };
    for digit in spot.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

fn find_all(bytes: &[u8], mark: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes
        .get(at..)
        .and_then(|rest| rest.windows(mark.len()).position(|part| part == mark))
    {
        found.push(at + next);
        at += next + mark.len();
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Template;

    #[test]
    fn every_event_gets_its_own_number_and_lane() {
        let text = "a##########b@@@@c##########|a##########b@@@@c##########";
        let mut template = Template::new(text.into(), 2);
        assert_eq!(template.events(), 2);
        let written = template.write(41, |number| number % 7).to_vec();
        let expected = "a0000000041b0006c0000000041|a0000000042b0000c0000000042";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        let again = String::from_utf8(template.write(9_999_999_999, |_| 12).to_vec()).unwrap();
        assert!(
            again.starts_with("a9999999999b0012c9999999999|a0000000000"),
            "{again}"
        );
    }
}
