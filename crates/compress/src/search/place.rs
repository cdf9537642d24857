//! Where on which trajectory a point is.

use std::fmt;

/// A point of a search: the end of a stage of joint training, or of one in which the strength rises by less.
///
/// Points are counted as people count them: the first is 1, a point a third of the way from the fourth to the fifth is 4.33.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whether it is of the trajectory of lower strengths.
    pub is_lower: bool,
    /// Whole stages before it in which the strength has risen.
    pub stages: u64,
    /// Hundredths of one more; 0 for points of the trajectory itself.
    pub hundredths: u64,
}

impl Place {
    /// The first point of a trajectory.
    pub(crate) fn first(is_lower: bool) -> Self {
        Self { is_lower, stages: 0, hundredths: 0 }
    }

    /// The next point of the trajectory itself.
    pub(crate) fn next(self) -> Self {
        Self { stages: self.stages + 1, hundredths: 0, ..self }
    }

    /// Whether it is a point of the trajectory itself, from which that goes on.
    pub(crate) fn is_whole(self) -> bool {
        self.hundredths == 0
    }

    /// A name in few characters, for files.
    pub(crate) fn key(self) -> String {
        self.to_string().replace(' ', "-")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_lower, stages, hundredths } = *self;
        write!(f, "{}{}", if is_lower { "lower " } else { "" }, stages + 1)?;
        if hundredths > 0 { write!(f, ".{hundredths:02}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_have_the_numbers_that_people_give_them() {
        let first = Place::first(false);
        assert_eq!([first, first.next()].map(|place| place.to_string()), ["1", "2"]);
        assert_eq!(Place { hundredths: 5, ..first.next() }.to_string(), "2.05");
        assert_eq!(Place { is_lower: true, stages: 3, hundredths: 33 }.to_string(), "lower 4.33");
        assert_eq!(Place { is_lower: true, stages: 3, hundredths: 33 }.key(), "lower-4.33");
        assert_eq!(Place { hundredths: 5, ..first }.next(), first.next());
    }
}
