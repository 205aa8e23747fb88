import type { Registry } from 'prom-client'
import type { Logger } from '../../observability/log.js'
import { watchModel } from '../../observability/metrics/model-metrics.js'
import { UpstreamMetrics } from '../../observability/metrics/upstream-metrics.js'
import {
  DEFAULT_PARALLEL,
  DEFAULT_WAITING,
  modelNames,
  type EmbeddedModelConfig,
} from './config.js'
import { EmbeddedEngine } from './engine.js'
import { loadModel } from './load-model.js'

/**
 * Loads a model into this process, and measures its work.
 *
 * @throws GatewayError `ERR_MODEL_LIBRARY`, `ERR_MODEL`
 */
export async function openEmbeddedEngine(
  config: EmbeddedModelConfig,
  registry: Registry,
  logger: Logger,
): Promise<EmbeddedEngine> {
  const { parallel = DEFAULT_PARALLEL, maxWaiting = DEFAULT_WAITING } = config
  const [first, ...others] = config.names ?? []
  const names = first === undefined ? modelNames(config.model) : ([first, ...others] as const)
  const loaded = await loadModel(config, logger)
  const metrics = new UpstreamMetrics(registry, () => engine.upstreams())
  const engine = new EmbeddedEngine(loaded, {
    ...{ names, parallel, maxWaiting },
    onAttempt: (upstream, result) => {
      metrics.count(upstream, result)
    },
  })
  watchModel(registry, () => engine.waiting)
  logger.info(`model ${names.join(', ')} in this process`)
  return engine
}
