//! The budgets in `budgets.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::operations;

/// The file, as it was when this program was built.
const TEXT: &str = include_str!("../../../budgets.toml");

/// Below this part of a budget it no longer guards anything.
pub(crate) const GENEROUS: f64 = 0.75;

/// What one operation may cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    /// Instructions for one operation at most.
    pub(crate) max: f64,
    /// What the instructions are for.
    pub(crate) why: String,
}

/// One budget for each operation.
#[derive(Debug)]
pub(crate) struct Budgets(BTreeMap<String, Budget>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum BudgetError {
    #[error("budgets.toml: {0}")]
    Syntax(#[from] toml::de::Error),
    #[error("budgets.toml has no table [{0}], but there is an operation of that name")]
    Missing(&'static str),
    #[error("budgets.toml has a table [{0}], but there is no operation of that name")]
    Unknown(String),
}

impl Budgets {
    /// Reads the file, which must have a budget for each operation and no other.
    pub(crate) fn read() -> Result<Self, BudgetError> {
        let budgets: BTreeMap<String, Budget> = toml::from_str(TEXT)?;
        let missing = operations::ALL.iter().find(|known| !budgets.contains_key(known.name));
        if let Some(operation) = missing {
            return Err(BudgetError::Missing(operation.name));
        }
        let is_known = |name: &String| operations::Operation::find(name).is_some();
        match budgets.keys().find(|name| !is_known(name)) {
            Some(name) => Err(BudgetError::Unknown(name.clone())),
            None => Ok(Self(budgets)),
        }
    }

    /// The budget of an operation that exists.
    pub(crate) fn of(&self, name: &str) -> &Budget {
        &self.0[name]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_a_budget_and_a_reason() {
        let budgets = Budgets::read().unwrap();
        for operation in operations::ALL {
            let budget = budgets.of(operation.name);
            assert!(budget.max > 0.0 && !budget.why.is_empty(), "{}", operation.name);
        }
    }
}
