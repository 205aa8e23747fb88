export { makeCa, makeCertificate, type Certificate } from './programs/certificates.js'
export { buildsOf, expectCode, withCode } from './assertions/contracts.js'
export { startGateway, type GatewayDefaults, type InProcess } from './gateway.js'
export { makeKeyDir } from './key-dir.js'
export { shared, stopAfterTest, temporaryFolder, writeFiles } from './lifetime.js'
export {
  completionOf,
  startChatModel,
  startModelServer,
  type ModelRequest,
  type ModelServer,
} from './model/model-server.js'
export {
  freePort,
  listenOnLoopback,
  startForwarder,
  startServer,
  type Forwarder,
} from './network.js'
export {
  runGateway,
  startGatewayProcess,
  type GatewayProcess,
  type GatewayProcessOptions,
} from './programs/gateway-process.js'
export { CHROMIUM_PATH, isInstalled, missingPrograms } from './programs/installed.js'
export { startProgram, type Ended, type Program } from './programs/program.js'
export {
  startRedis,
  startRedisCluster,
  startSentinel,
  type RedisCluster,
  type RedisOptions,
  type RedisSentinel,
  type RedisServer,
} from './programs/redis.js'
export { installedNodeLlamaCpp } from './programs/node-llama-cpp.js'
export { streamWhole } from './model/stream-whole.js'
export { SCRIPTED_AUDIO, SCRIPTED_TEXT, startScriptedModel } from './model/scripted-model.js'
export { seededRandom, type Random } from './seeded-random.js'
export { makeSwtpm, startSwtpm, type Swtpm, type SwtpmOptions } from './programs/swtpm.js'
export {
  TINY_REPLIES,
  TINY_TEXT,
  writeTinyModel,
  type TinyModelOptions,
  type TinyReply,
} from './model/tiny/tiny-model.js'
export { until } from './assertions/until.js'
export { testArguments, type ArgumentTable, type RightCall } from './assertions/wrong-arguments.js'
