//! The keys of tokens that are fetched.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use switchboard_control::{Jwks, JwksConfig, UnknownKey};
use switchboard_shard::Config as ShardConfig;
use tokio::runtime::Handle;

use crate::broker::Shards;
use crate::config::Config;

/// How long the start waits for the keys. Clients that come back meanwhile wait, too; without the keys they
/// would be refused.
const FIRST: Duration = Duration::from_secs(5);

/// How often at most keys are fetched because a token names one that is not there.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(10);

/// Fetches the keys of `token_jwks`, if there is one, and passes each new set to the shards.
pub(crate) fn fetch(
    config: &Config,
    shard_config: &mut ShardConfig,
    shards: &Arc<Shards>,
    runtime: &Handle,
) -> io::Result<()> {
    let (Some(url), Some(verifier)) = (&config.settings.token_jwks, &config.verifier) else {
        return Ok(());
    };
    let unknown_key = UnknownKey::default();
    let notice = unknown_key.clone();
    let own = verifier.as_ref().clone().with_notice(Arc::new(move || notice.notice()));
    shard_config.identity.verifier = Some(Arc::new(own.clone()));
    let shards = Arc::clone(shards);
    // What shards are sent before they run they read first.
    let take = move |set: &[u8]| {
        let verifier = own.with_jwks(set).map_err(|error| error.to_string())?;
        shards.set_verifier(&Arc::new(verifier));
        Ok(())
    };
    let jwks = JwksConfig {
        url: url.clone(),
        refresh: Duration::from_millis(config.settings.token_jwks_refresh_ms.into()),
        unknown_key_pause: UNKNOWN_KEY_PAUSE,
    };
    let jwks = Jwks::start(jwks, unknown_key, runtime, Box::new(take))?;
    runtime.block_on(jwks.first(FIRST));
    Ok(())
}
