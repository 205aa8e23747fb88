export { decodeJson, openEnvelope, openJson, type OpenedJson } from './open.js'
export { encodeJson, padmeLength, type Padding } from './padding.js'
export { sealEnvelope, sealJson, sealJsonBytes, type SealJsonOptions } from './seal.js'
export type { OpenOptions, OpenedEnvelope, SealOptions } from '../suite.js'
