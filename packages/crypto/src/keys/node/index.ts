export {
  loadKeyPair,
  loadOrCreateKeyPair,
  saveKeyPair,
  type LoadKeyPairOptions,
  type LoadOrCreateKeyPairOptions,
} from './file-store.js'
