/** A kind of keys, for stores that are no folders. */
export interface KeyKind<K> {
  /** Name in messages. */
  readonly name: string
  /** Hash in Redis with a field per number: the creation time and the encrypted key. */
  readonly hash: string
  /** The operator is told why a start takes so long. */
  readonly takesSeconds: boolean
  /** Generates a key that stays in this process. */
  generate(): Promise<K>
  /** Generates a key as PEM, encrypted with the password. */
  generatePem(password: string): Promise<string>
  /** @throws SecurityError when the key cannot be read */
  read(pem: string, password: string): Promise<K>
}
