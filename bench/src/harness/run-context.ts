import { keyPem } from '@nomyo-internal/testing/vectors'

/** An RSA-4096 pair as text, which all libraries and processes read: PKCS#8 and SPKI. */
export interface KeyPem {
  readonly privateKey: string
  readonly publicKey: string
}

/** Reads a key pair of the vectors. */
export const readKey = (name: 'client' | 'other' = 'client'): KeyPem => ({
  privateKey: keyPem(`keys/${name}.private.pem`),
  publicKey: keyPem(`keys/${name}.public.pem`),
})

/** Something that runs until it is stopped. */
export interface Stoppable {
  stop(): unknown
}

/** Services of a run for its sections. */
export interface RunContext {
  /** A few rounds only, as a trial. */
  readonly quick: boolean
  /** Reports the current measurement. */
  progress(what: string): void
  /** Registers a resource, which is stopped at the end of the section. */
  stopLater<T extends Stoppable>(resource: T): T
}
