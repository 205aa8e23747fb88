/** Rule for the contents of a package. */
export interface LayerRule {
  /** Allowed dependencies in this workspace. */
  arrows: readonly string[]
  /** Allowed dependencies of third parties. */
  thirdParty: readonly string[]
  /**
   * Allowed imports of each subpath from outside its bundle: modules of Node, or a library with checks of
   * its own. None where a subpath is not listed; any module of Node where `outside` is absent.
   */
  outside?: Readonly<Record<string, readonly string[]>>
  forbidden: readonly Forbidden[]
  onlyReExports?: boolean
  /** Subpaths whose file has everything inside and imports nothing. */
  whole?: readonly string[]
}

/**
 * Code that must not occur in a bundle, as options of ESLint's `no-restricted-syntax` and
 * `no-restricted-globals`.
 */
interface Forbidden {
  syntax: readonly { selector: string; message: string }[]
  globals: readonly { name: string; message: string }[]
}

/**
 * Names and whole strings: `['decrypt']` contains the word, a sentence about decryption does not.
 */
function words(message: string, pattern: string): Forbidden {
  const nodes = [
    'Identifier[name',
    'PrivateIdentifier[name',
    'Literal[value',
    'TemplateElement[value.cooked',
  ]
  return {
    syntax: nodes.map((node) => ({ selector: `${node}=/^(?:${pattern})$/]`, message })),
    globals: [],
  }
}

function globals(message: string, names: string[], selectors: string[] = []): Forbidden {
  return {
    syntax: selectors.map((selector) => ({ selector, message })),
    globals: names.map((name) => ({ name, message })),
  }
}

const network = words(
  'network',
  'fetch|XMLHttpRequest|WebSocket|WebSocketStream|EventSource|WebTransport|RTCPeerConnection|sendBeacon|importScripts',
)

const cryptography = words(
  'cryptography',
  'subtle|SubtleCrypto|CryptoKey(?:Pair)?|(?:import|export|generate|derive|wrap|unwrap)Key|deriveBits|(?:en|de)crypt(?!ed)\\w*|create(?:Dec|C)ipheriv|RSA-\\w+|AES-\\w+|PBKDF2|HKDF|pkcs8|spki',
)

const clock = globals(
  'clock',
  ['performance', 'Temporal', 'setTimeout', 'setInterval', 'setImmediate'],
  [
    // `new Date(time)`, `instanceof Date`, `Date.UTC` and `Date.parse` give the same at any time.
    'Identifier[name="Date"]:not(NewExpression[arguments.length>0] > .callee, BinaryExpression[operator="instanceof"] > .right, MemberExpression[property.name=/^(UTC|parse)$/] > .object)',
  ],
)

const surroundings = globals('global state', [
  'globalThis',
  'window',
  'self',
  'global',
  'process',
  'navigator',
  'document',
  'localStorage',
  'sessionStorage',
  'Deno',
  'Bun',
])

/** Code that is made or fetched at run time evades every other rule here. */
const hiddenCode = globals(
  'hidden code',
  ['eval', 'require'],
  [
    'ImportExpression > :not(Literal).source',
    ':matches(CallExpression, NewExpression)[callee.name="Function"]',
    'MemberExpression[property.name="Function"]',
  ],
)

/** The invariants of ARCHITECTURE.md. A published package that is not listed is a finding. */
export const layerRules: Readonly<Record<string, LayerRule>> = {
  '@nomyo/crypto': {
    arrows: [],
    thirdParty: ['@noble/hashes', '@noble/post-quantum', '@noble/curves'],
    outside: { './keys/node': ['node:fs', 'node:fs/promises', 'node:path'] },
    forbidden: [network, hiddenCode],
  },
  '@nomyo/transport': {
    arrows: [],
    thirdParty: ['undici'],
    outside: { './undici': ['undici', 'undici/lib/dispatcher/agent.js', 'node:stream/web'] },
    forbidden: [cryptography, hiddenCode],
  },
  '@nomyo/attest': {
    arrows: [],
    thirdParty: ['@noble/hashes'],
    outside: {},
    forbidden: [network, clock, surroundings, hiddenCode],
  },
  // Talks to a device, in Node: any module of Node. It verifies no quotes.
  '@nomyo/tpm': {
    arrows: ['@nomyo/attest'],
    thirdParty: [],
    forbidden: [hiddenCode],
  },
  '@nomyo/client': {
    arrows: ['@nomyo/crypto', '@nomyo/transport', '@nomyo/attest'],
    thirdParty: ['@ai-sdk/openai-compatible'],
    outside: {
      './known-servers': ['node:fs', 'node:fs/promises', 'node:path', 'node:timers/promises'],
      './ai-sdk': ['@ai-sdk/openai-compatible'],
    },
    forbidden: [hiddenCode],
  },
  // Runs beside tests, in Node: any module of Node.
  '@nomyo/testkit': {
    arrows: ['@nomyo/crypto'],
    thirdParty: [],
    forbidden: [hiddenCode],
  },
  'nomyo-js': {
    arrows: ['@nomyo/client'],
    thirdParty: [],
    forbidden: [hiddenCode],
    onlyReExports: true,
    whole: ['./browser'],
  },
}

/**
 * The dependencies of apps for which they are an invariant; other apps depend on what they like.
 */
export const appRules: Readonly<Record<string, LayerRule>> = {
  // The client does everything secret: the proxy encrypts nothing, and reaches a gateway only by HTTP.
  '@nomyo/proxy': {
    arrows: ['@nomyo/client', '@nomyo/attest', '@nomyo/transport'],
    thirdParty: ['commander', 'eventsource-parser', 'fastify', 'light-my-request', 'pino'],
    forbidden: [],
  },
}
