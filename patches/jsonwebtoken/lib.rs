pub use jwt9::*;
