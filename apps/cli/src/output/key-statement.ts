import type { KeyStatement } from '@nomyo/crypto/wire-2'

/** Describes a key statement of wire 2, one sentence a line. */
export function describeStatement(statement: KeyStatement): readonly string[] {
  const { sha256, identities, namesIdentities, notBefore, notAfter } = statement
  return [
    `Wire 2: key statement ${sha256}`,
    `signed by ${identities.join(' and ')}, valid from ${timeOf(notBefore)} to ${timeOf(notAfter)}`,
    ...(namesIdentities
      ? []
      : ['It names no signer: evidence for it says nothing about its signer.']),
  ]
}

/** Formats Unix seconds; a statement may hold any number. */
const timeOf = (seconds: number): string => {
  const time = new Date(seconds * 1000)
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString()
}
