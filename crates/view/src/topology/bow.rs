//! How an edge goes round the nodes that it does not join, so that it does not seem to end there.

use super::layout::{Place, Room};

/// At how many places along an edge is looked for nodes.
const SAMPLES: u32 = 24;
/// How far the middle of an edge is moved aside to try, in heights of a node's room: the less the
/// better, to either side.
const ASIDE: [f64; 9] = [0.0, 0.7, -0.7, 1.4, -1.4, 2.1, -2.1, 2.8, -2.8];

/// The control point of a quadratic curve from one node to another that passes behind the fewest of
/// the `others`; none if that is a straight line.
pub(super) fn control(from: Place, to: Place, others: &[Place], room: Room) -> Option<Place> {
    let (across, down) = (to.x - from.x, to.y - from.y);
    let length = across.hypot(down).max(1e-9);
    let centre = Place { x: (from.x + to.x) / 2.0, y: (from.y + to.y) / 2.0 };
    let mut best = (usize::MAX, None);
    for aside in ASIDE {
        // A curve's own middle lies half as far aside as its control point.
        let by = 2.0 * aside * room.height / length;
        let control = Place { x: centre.x - by * down, y: centre.y + by * across };
        let is_behind = |node: &&Place| covers(**node, from, control, to, room);
        let behind = others.iter().filter(is_behind).count();
        if behind < best.0 {
            best = (behind, Some(control).filter(|_| aside != 0.0));
        }
        if behind == 0 {
            break;
        }
    }
    best.1
}

/// Half way along a curve, where it is farthest from a straight line.
pub(super) fn middle(from: Place, control: Place, to: Place) -> Place {
    along(from, control, to, 0.5)
}

fn along(from: Place, control: Place, to: Place, done: f64) -> Place {
    let left = 1.0 - done;
    let mix =
        |from, control, to| left * left * from + 2.0 * left * done * control + done * done * to;
    Place { x: mix(from.x, control.x, to.x), y: mix(from.y, control.y, to.y) }
}

/// Whether a node's room covers some place of the curve.
fn covers(node: Place, from: Place, control: Place, to: Place, room: Room) -> bool {
    (1..SAMPLES).any(|sample| {
        let at = along(from, control, to, f64::from(sample) / f64::from(SAMPLES));
        let (across, down) = ((at.x - node.x).abs(), (at.y - node.y).abs());
        across * 2.0 < room.width && down * 2.0 < room.height
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { width: 40.0, height: 20.0 };

    #[test]
    fn an_edge_is_straight_unless_a_node_is_in_its_way() {
        let (from, to) = (Place { x: 0.0, y: 0.0 }, Place { x: 200.0, y: 0.0 });
        assert_eq!(control(from, to, &[], ROOM), None);
        assert_eq!(control(from, to, &[Place { x: 100.0, y: 11.0 }], ROOM), None, "beside it");
        let round = control(from, to, &[Place { x: 100.0, y: 1.0 }], ROOM);
        let aside = middle(from, round.unwrap(), to).y;
        assert!((aside.abs() - 14.0).abs() < 1e-9, "{aside}");
        assert_eq!(control(from, from, &[from], ROOM), None, "no length, no direction");
    }
}
