//! The table of namespaces: the part before the first `:` of a channel's name has a number.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use crate::ChannelName;

/// A namespace's place in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceId(u16);

impl NamespaceId {
    /// The namespace of channels without one, or with one that is not in the table.
    pub const DEFAULT: Self = Self(0);
}

/// The table of namespaces, shared, and with it one `T` for each: what one part of the server needs
/// to know of them.
///
/// Only [`new`](Namespaces::new) makes a table. What other parts need is [mapped](Namespaces::map)
/// from it, so an id that one of them resolved is good in all.
#[derive(Clone, Debug)]
pub struct Namespaces<T> {
    table: Arc<Table>,
    values: Box<[T]>,
}

#[derive(Debug)]
struct Table {
    /// By id.
    names: Vec<String>,
    /// All but the default.
    ids: HashMap<String, NamespaceId>,
    strict: bool,
}

/// The name shown for the default namespace.
const DEFAULT_NAME: &str = "default";

impl<T> Namespaces<T> {
    /// `strict`: a channel whose namespace is not in `names` may not exist. At most 65,535 names.
    pub fn new(default: T, named: impl IntoIterator<Item = (String, T)>, strict: bool) -> Self {
        let mut values = vec![default];
        let mut names = vec![DEFAULT_NAME.to_owned()];
        let mut ids = HashMap::new();
        for ((name, value), id) in named.into_iter().zip(1..=u16::MAX) {
            ids.insert(name.clone(), NamespaceId(id));
            names.push(name);
            values.push(value);
        }
        Self { table: Arc::new(Table { names, ids, strict }), values: values.into() }
    }

    /// Other values for the same table.
    pub fn map<U>(&self, value: impl FnMut(&T) -> U) -> Namespaces<U> {
        Namespaces {
            table: Arc::clone(&self.table),
            values: self.values.iter().map(value).collect(),
        }
    }

    /// The same, for values that depend on the name; that of the default namespace is none.
    pub fn map_named<U>(&self, mut value: impl FnMut(Option<&str>, &T) -> U) -> Namespaces<U> {
        let names = self.table.names.iter().enumerate();
        let values = names.zip(&self.values);
        Namespaces {
            table: Arc::clone(&self.table),
            values: values
                .map(|((id, name), of)| value((id > 0).then_some(name.as_str()), of))
                .collect(),
        }
    }

    /// The namespace of a channel. None when the channel may not exist.
    pub fn resolve(&self, channel: &ChannelName) -> Option<NamespaceId> {
        let Some(namespace) = channel.namespace() else {
            return Some(NamespaceId::DEFAULT);
        };
        let id = self.table.ids.get(namespace).copied();
        id.or((!self.table.strict).then_some(NamespaceId::DEFAULT))
    }

    /// The value for a channel. None when the channel may not exist.
    pub fn of(&self, channel: &ChannelName) -> Option<&T> {
        self.resolve(channel).map(|id| &self[id])
    }

    /// The value of the namespace with this name. None if it is not in the table or the default.
    pub fn named(&self, name: &str) -> Option<&T> {
        self.table.ids.get(name).map(|id| &self[*id])
    }

    /// The name of a namespace, for display.
    pub fn name(&self, id: NamespaceId) -> &str {
        &self.table.names[usize::from(id.0)]
    }

    /// All ids, that of the default first.
    pub fn ids(&self) -> impl Iterator<Item = NamespaceId> + use<T> {
        // There are at most 65,536 values: see `new`.
        (0..self.values.len()).map(|id| NamespaceId(id as u16))
    }

    /// Every namespace with its name, the default first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.table.names.iter().map(String::as_str).zip(&self.values)
    }
}

impl<T> Index<NamespaceId> for Namespaces<T> {
    type Output = T;

    fn index(&self, id: NamespaceId) -> &T {
        &self.values[usize::from(id.0)]
    }
}

impl<T> IndexMut<NamespaceId> for Namespaces<T> {
    fn index_mut(&mut self, id: NamespaceId) -> &mut T {
        &mut self.values[usize::from(id.0)]
    }
}

impl<T: Default> Default for Namespaces<T> {
    /// The default namespace alone.
    fn default() -> Self {
        Self::new(T::default(), [], false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rules, SlowPolicy};

    #[test]
    fn a_namespace_is_found_by_name_and_a_stranger_is_default_or_nothing() {
        let skip = Rules { slow_policy: SlowPolicy::Skip, ..Rules::default() };
        let latest = Rules { slow_policy: SlowPolicy::Latest, ..Rules::default() };
        for strict in [false, true] {
            let named = [("chat".to_owned(), skip), ("quotes".to_owned(), latest)];
            let namespaces = Namespaces::new(Rules::default(), named, strict);
            let id = |number| Some(NamespaceId(number));
            let resolve = |name| namespaces.resolve(&ChannelName::new(name).unwrap());
            assert_eq!(["a", "chat:a", "quotes:a:b"].map(resolve), [id(0), id(1), id(2)]);
            assert_eq!(["chat", "quote:a", ":a"].map(resolve)[0], id(0));
            let stranger = (!strict).then_some(NamespaceId::DEFAULT);
            assert_eq!(["quote:a", ":a", "default:a"].map(resolve), [stranger; 3]);
            let of = |number| namespaces[NamespaceId(number)];
            assert_eq!([0, 1, 2].map(of), [Rules::default(), skip, latest]);
        }
    }

    #[test]
    fn what_is_mapped_has_the_same_names_and_ids() {
        let named = [("chat".to_owned(), 1), ("ticks".to_owned(), 2)];
        let numbers = Namespaces::new(0, named, true);
        let tens = numbers.map(|number| number * 10);
        let of = |name| tens.of(&ChannelName::new(name).unwrap()).copied();
        assert_eq!(
            ["a", "chat:a", "ticks:a", "tick:a"].map(of),
            [Some(0), Some(10), Some(20), None]
        );
        let id = numbers.resolve(&ChannelName::new("ticks:a").unwrap()).unwrap();
        assert_eq!((tens.name(id), tens[id]), ("ticks", 20));
        let all: Vec<_> = tens.iter().collect();
        assert_eq!(all, [("default", &0), ("chat", &10), ("ticks", &20)]);
        assert_eq!((tens.named("chat"), tens.named("default")), (Some(&10), None));
    }
}
