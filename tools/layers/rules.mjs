/**
 * Words that must not occur in a bundle.
 *
 * @typedef {object} Forbidden
 * @property {string} what they stand for, in the report
 * @property {readonly (keyof import('./words.mjs').Words)[]} among
 * @property {RegExp} words
 */

/**
 * What a package may consist of.
 *
 * @typedef {object} LayerRule
 * @property {readonly string[]} arrows members of this workspace it may depend on
 * @property {readonly string[]} thirdParty what else it may depend on
 * @property {Readonly<Record<string, readonly string[]>>} [outside] what each subpath may import from
 *   outside its bundle (modules of Node, or a library that is judged by others), nothing where it is
 *   not listed; any module of Node where absent
 * @property {readonly Forbidden[]} forbidden
 * @property {boolean} [onlyReExports]
 * @property {readonly string[]} [whole] subpaths whose file has everything inside and imports nothing
 */

/** @type {Forbidden} */
const network = {
  what: 'network',
  among: ['names', 'texts'],
  words:
    /^(?:fetch|XMLHttpRequest|WebSocket|WebSocketStream|EventSource|WebTransport|RTCPeerConnection|sendBeacon|importScripts)$/,
}

/** @type {Forbidden} */
const cryptography = {
  what: 'cryptography',
  among: ['names', 'texts'],
  words:
    /^(?:subtle|SubtleCrypto|CryptoKey(?:Pair)?|(?:import|export|generate|derive|wrap|unwrap)Key|deriveBits|(?:en|de)crypt(?!ed)\w*|create(?:Dec|C)ipheriv|RSA-\w+|AES-\w+|PBKDF2|HKDF|pkcs8|spki)$/,
}

/** @type {Forbidden} */
const clock = {
  what: 'clock',
  among: ['globals'],
  words: /^(?:Date|performance|Temporal|setTimeout|setInterval|setImmediate)$/,
}

/** @type {Forbidden} */
const surroundings = {
  what: 'global state',
  among: ['globals'],
  words: /^(?:globalThis|window|self|global|process|navigator|document|\w+Storage|Deno|Bun)$/,
}

/**
 * Code that is made or fetched while running hides from every other rule here.
 *
 * @type {Forbidden}
 */
const hiddenCode = {
  what: 'hidden code',
  among: ['globals'],
  words: /^(?:eval|Function|require|import\(\))$/,
}

/**
 * The invariants of ARCHITECTURE.md. A published package that is not listed is a finding.
 *
 * @type {Readonly<Record<string, LayerRule>>}
 */
export const layerRules = {
  '@nomyo/crypto': {
    arrows: [],
    thirdParty: ['@noble/hashes'],
    outside: { './keys/node': ['node:fs', 'node:fs/promises', 'node:path'] },
    forbidden: [network, hiddenCode],
  },
  '@nomyo/transport': {
    arrows: [],
    thirdParty: ['undici'],
    outside: { './undici': ['undici', 'node:stream/web'] },
    forbidden: [cryptography, hiddenCode],
  },
  '@nomyo/attest': {
    arrows: [],
    thirdParty: ['@noble/hashes'],
    outside: {},
    forbidden: [network, clock, surroundings, hiddenCode],
  },
  // Talks to a device, in Node: any of its modules. Judging quotes is not its business.
  '@nomyo/tpm': {
    arrows: ['@nomyo/attest'],
    thirdParty: [],
    forbidden: [hiddenCode],
  },
  '@nomyo/client': {
    arrows: ['@nomyo/crypto', '@nomyo/transport', '@nomyo/attest'],
    thirdParty: [],
    forbidden: [hiddenCode],
  },
  // Runs beside tests, in Node: any of its modules.
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
 * What apps may depend on, where that is an invariant: those that are not listed join what they like.
 *
 * @type {Readonly<Record<string, LayerRule>>}
 */
export const appRules = {
  // Everything secret is of the client: the proxy seals nothing itself, and knows no gateway but by HTTP.
  '@nomyo/proxy': {
    arrows: ['@nomyo/client', '@nomyo/attest', '@nomyo/transport'],
    thirdParty: ['fastify'],
    forbidden: [],
  },
}

/**
 * The packages whose modules may be in a bundle: what the package may depend on, and what that may.
 *
 * @param {LayerRule} rule
 * @param {Readonly<Record<string, LayerRule>>} rules
 * @returns {string[]}
 */
export function reachable({ arrows, thirdParty, outside = {} }, rules) {
  const behind = arrows.flatMap((name) => {
    const rule = rules[name]
    return rule === undefined ? [] : reachable(rule, rules)
  })
  const inside = thirdParty.filter((name) => !Object.values(outside).flat().includes(name))
  return [...inside, ...arrows, ...behind]
}
