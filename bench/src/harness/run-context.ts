import { generateKeyPairSync } from 'node:crypto'

/** An RSA-4096 pair as text, which all libraries and processes read. */
export interface KeyPem {
  /** PKCS#8. */
  readonly privateKey: string
  /** SPKI. */
  readonly publicKey: string
}

/** Settings that all sections of a run share. */
export interface RunContext {
  readonly pem: KeyPem
  /** A few rounds only, as a trial. */
  readonly quick: boolean
  /** Reports the current measurement. */
  progress(what: string): void
}

/** Creates the context of a run; progress goes to stderr, so that stdout has only results. */
export function createRunContext(quick: boolean): RunContext {
  return {
    pem: generateKey(),
    quick,
    progress: (what) => process.stderr.write(`measuring ${what}\n`),
  }
}

/** Generates a key pair. */
export function generateKey(): KeyPem {
  return generateKeyPairSync('rsa', {
    modulusLength: 4096,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
}
