import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'
import * as envelope from '../src/envelope/index.js'
import * as errors from '../src/errors.js'
import * as root from '../src/index.js'
import * as keys from '../src/keys/index.js'
import * as keysNode from '../src/keys/node/index.js'
import * as wire2 from '../src/wire-2/index.js'

const errorNames = ['SecurityError', 'type SecurityErrorCode']

const envelopeNames = [
  'decodeJson',
  'encodeJson',
  'openEnvelope',
  'openJson',
  'padmeLength',
  'sealEnvelope',
  'sealJson',
  'sealJsonBytes',
  'type OpenOptions',
  'type OpenedEnvelope',
  'type OpenedJson',
  'type Padding',
  'type SealJsonOptions',
  'type SealOptions',
]

const keyNames = [
  'KeyRing',
  'exportPrivateKey',
  'generateKeyPair',
  'importLegacyPrivateKey',
  'importPrivateKey',
  'importPublicKey',
  'parsePin',
  'publicKeyFromHeader',
  'publicKeyToHeader',
  'type ExportPrivateKeyOptions',
  'type GenerateKeyPairOptions',
  'type ImportPrivateKeyOptions',
  'type ImportPublicKeyOptions',
  'type KeyPair',
  'type PrivateKey',
  'type PublicKey',
  'verifyPin',
]

const nodeKeyNames = [
  'decodeIdentityKey',
  'encodeIdentityKey',
  'loadIdentityKey',
  'loadKeyFile',
  'loadKeyPair',
  'loadOrCreateKeyPair',
  'readTrustedFile',
  'saveIdentityKey',
  'saveKeyPair',
  'type IdentityKeyOptions',
  'type LoadKeyFileOptions',
  'type LoadKeyPairOptions',
  'type LoadOrCreateKeyPairOptions',
  'type ReadTrustedFileOptions',
]

const wire2Names = [
  'GATEWAY_PATH',
  'MEDIA_TYPES',
  'PROBLEM_TYPES',
  'answerVouch',
  'createBhttpReader',
  'createRequestKey',
  'createStreamedRequest',
  'createStreamedResponse',
  'createVouch',
  'createWholeResponse',
  'deriveRequestSecrets',
  'encodeKeyList',
  'encodeRequest',
  'encodeRequestParts',
  'encodeResponse',
  'encodeStatement',
  'generateIdentityKey',
  'importIdentityKey',
  'loadClassicKem',
  'loadHybridKem',
  'openRequest',
  'parseKeyList',
  'parseKeyStatement',
  'sealRequest',
  'sealRequestParts',
  'signStatement',
  'startRequest',
  'type BhttpEvent',
  'type BhttpLimits',
  'type BhttpReader',
  'type ChunkOpener',
  'type ChunkSealer',
  'type Encapsulation',
  'type Field',
  'type HpkeSuite',
  'type IdentityKey',
  'type Kem',
  'type KemImplementation',
  'type KemName',
  'type KemPrivateKey',
  'type KeyConfig',
  'type KeyStatement',
  'type MessageParts',
  'type Plaintext',
  'type ReceiveLimits',
  'type RequestHead',
  'type RequestHeader',
  'type RequestKey',
  'type RequestOpener',
  'type RequestSealer',
  'type ResponseHead',
  'type SealedRequest',
  'type SealedRequestParts',
  'type SendLimits',
  'type StatementContent',
  'type StreamedRequestWriter',
  'type StreamedResponseWriter',
  'type Vouch',
  'type WholeRequest',
  'type WholeResponse',
  'type WholeResponseWriter',
]

const subpaths = [
  ['.', 'index.ts', root, [...errorNames, ...envelopeNames, ...keyNames, 'type Suite']],
  ['./envelope', 'envelope/index.ts', envelope, envelopeNames],
  ['./keys', 'keys/index.ts', keys, keyNames],
  ['./keys/node', 'keys/node/index.ts', keysNode, nodeKeyNames],
  ['./wire-2', 'wire-2/index.ts', wire2, wire2Names],
  ['./errors', 'errors.ts', errors, errorNames],
] as const

it.each(subpaths)('%s exports what it did, and nothing else', (_, file, module, names) => {
  expect(exportsOf(file)).toEqual([...names].sort())
  expect(Object.keys(module).sort()).toEqual(
    names.filter((name) => !name.startsWith('type ')).sort(),
  )
})

/** The names a module exports as the compiler sees them, types included. */
function exportsOf(file: string): string[] {
  const path = fileURLToPath(new URL(`../src/${file}`, import.meta.url))
  const program = ts.createProgram([path], {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
    noLib: true,
    types: [],
  })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(path)
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source)
  if (module === undefined) throw new Error(`${file} is no module`)
  return checker
    .getExportsOfModule(module)
    .map((symbol) => {
      const aliased = symbol.flags & ts.SymbolFlags.Alias
      const { flags } = aliased === 0 ? symbol : checker.getAliasedSymbol(symbol)
      return (flags & ts.SymbolFlags.Value) === 0 ? `type ${symbol.name}` : symbol.name
    })
    .sort()
}
