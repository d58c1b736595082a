//! Every leaf of a type by path, found by deserialising it from nothing: the type itself says which fields it asks for.
//!
//! Each optional value is there, each map has one entry named `*`, each list one item, and an enum is read once for each of
//! its variants. So what comes out is every path there can be, without anybody writing a list.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

/// The paths, and the values they were read from: one, or one for each variant.
pub fn leaves<T: DeserializeOwned>() -> (BTreeSet<String>, Vec<T>) {
    let trace = Trace::default();
    let mut values = Vec::new();
    loop {
        values.push(T::deserialize(At::root(&trace)).unwrap());
        if trace.variants.borrow().values().all(Vec::is_empty) {
            return (trace.leaves.into_inner(), values);
        }
    }
}

/// A text for every text; some types want two words.
const TEXT: &str = "x x";

#[derive(Default)]
struct Trace {
    leaves: RefCell<BTreeSet<String>>,
    /// Variants of the enum at a path that were not read yet.
    variants: RefCell<BTreeMap<String, Vec<&'static str>>>,
}

/// One place in the value.
struct At<'t> {
    trace: &'t Trace,
    path: String,
    /// Below a list, which differs as a whole.
    inside: bool,
}

impl<'t> At<'t> {
    fn root(trace: &'t Trace) -> Self {
        At {
            trace,
            path: String::new(),
            inside: false,
        }
    }

    fn below(&self, name: &str) -> Self {
        let path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        At { path, ..*self }
    }

    fn leaf(&self) {
        if !self.inside {
            self.trace.leaves.borrow_mut().insert(self.path.clone());
        }
    }
}

macro_rules! leaf {
    ($($method:ident $visit:ident $value:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.leaf();
            visitor.$visit($value)
        })*
    };
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Error;

    leaf! {
        deserialize_any visit_str TEXT;
        deserialize_bool visit_bool true;
        deserialize_i8 visit_i8 1;
        deserialize_i16 visit_i16 1;
        deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1;
        deserialize_u8 visit_u8 1;
        deserialize_u16 visit_u16 1;
        deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1;
        deserialize_f32 visit_f32 1.5;
        deserialize_f64 visit_f64 1.5;
        deserialize_char visit_char 'x';
        deserialize_str visit_str TEXT;
        deserialize_string visit_str TEXT;
        deserialize_identifier visit_str TEXT;
        deserialize_bytes visit_bytes b"x";
        deserialize_byte_buf visit_bytes b"x";
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.leaf();
        let inside = true;
        visitor.visit_seq(Items {
            item: At { inside, ..self },
            left: 1,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.leaf();
        let inside = true;
        visitor.visit_seq(Items {
            item: At { inside, ..self },
            left,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(left, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Entries {
            at: self,
            names: vec!["*"],
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Entries {
            at: self,
            names: fields.iter().rev().copied().collect(),
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut left = self.trace.variants.borrow_mut();
        let left = left
            .entry(self.path.clone())
            .or_insert_with(|| variants.to_vec());
        let name = left.pop().unwrap_or(variants[0]);
        visitor.visit_enum(Variant { name, at: self })
    }
}

struct Items<'t> {
    item: At<'t>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        let item = At {
            path: self.item.path.clone(),
            ..self.item
        };
        seed.deserialize(item).map(Some)
    }
}

/// The entries of a map or the fields of a struct, last first.
struct Entries<'t> {
    at: At<'t>,
    names: Vec<&'static str>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let name: Option<StrDeserializer<'_, Error>> =
            self.names.last().map(|name| name.into_deserializer());
        name.map(|name| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let name = self.names.pop().unwrap();
        seed.deserialize(self.at.below(name))
    }
}

struct Variant<'t> {
    name: &'static str,
    at: At<'t>,
}

impl<'de, 't> EnumAccess<'de> for Variant<'t> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.at.leaf();
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.at.below(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.at.below(self.name).deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let at = self.at.below(self.name);
        at.deserialize_struct("", fields, visitor)
    }
}
