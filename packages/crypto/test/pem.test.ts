import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePem, encodePem } from '../src/keys/pem.js'
import { importPublicKey } from '../src/keys/index.js'
import { refusalCodeOf, testPair, toHex } from './support.js'

const codeOf = (text: string): Promise<string> => refusalCodeOf(() => decodePem(text))

const block = '-----BEGIN PUBLIC KEY-----\nAQIDBA==\n-----END PUBLIC KEY-----\n'

describe('one PEM block', () => {
  it('is read back as it was written', () => {
    const label = fc.constantFrom('PUBLIC KEY', 'PRIVATE KEY', 'X509 CRL', 'A')
    fc.assert(
      fc.property(label, fc.uint8Array({ minLength: 1, maxLength: 300 }), (name, der) => {
        const pem = encodePem(name, der)
        const read = decodePem(pem)
        expect([read.label, toHex(read.der)]).toEqual([name, toHex(der)])
        expect(pem.split('\n').every((line) => line.length <= 64)).toBe(true)
        expect(pem.endsWith('-----\n')).toBe(true)
      }),
    )
  })

  it.each([
    ['with LF', block],
    ['with CRLF', block.replaceAll('\n', '\r\n')],
    ['with both', block.replace('\n', '\r\n')],
    ['with CRLF before the last line only', block.replace('==\n', '==\r\n')],
    ['without a final newline', block.trimEnd()],
    ['with blank space behind', `${block}\n \t\r\n`],
    ['behind a byte order mark', `\uFEFF${block}`],
    ['in short lines', block.replace('AQID', 'A\nQ\nID\n')],
  ])('is read %s', (_, text) => {
    const { label, der } = decodePem(text)
    expect([label, [...der]]).toEqual(['PUBLIC KEY', [1, 2, 3, 4]])
  })

  it('is read in lines of any length', async () => {
    const { publicKey } = await testPair('server')
    const [first, ...rest] = publicKey.pem.trimEnd().split('\n')
    const last = rest.pop()!
    for (const columns of [1, 4, 63, 76, 1000]) {
      const lines = rest.join('').match(new RegExp(`.{1,${columns}}`, 'g')) ?? []
      const pem = [first, ...lines, last].join('\n')
      expect((await importPublicKey(pem)).fingerprint).toBe(publicKey.fingerprint)
    }
  })

  it.each([
    ['empty', ''],
    ['without a body', '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n'],
    ['on one line', block.replaceAll('\n', '')],
    ['behind a blank line', `\n${block}`],
    ['behind a space', ` ${block}`],
    ['behind two byte order marks', `\uFEFF\uFEFF${block}`],
    ['behind text', `key:\n${block}`],
    ['before text', `${block}key`],
    ['before NUL', `${block}\0`],
    ['followed by another', block + block],
    ['inside another', block.replace('AQID', block)],
    ['without its end', block.slice(0, block.indexOf('-----END'))],
    ['without its begin', block.slice(block.indexOf('AQID'))],
    ['with another label at its end', block.replace('END PUBLIC', 'END PRIVATE')],
    ['with a label in lower case', block.replaceAll('PUBLIC', 'public')],
    ['without a label', block.replaceAll('PUBLIC KEY', '')],
    ['with a label beyond reason', block.replaceAll('PUBLIC', 'P'.repeat(40))],
    ['with four hyphens', block.replace('-----BEGIN', '----BEGIN')],
    ['with headers', block.replace('AQID', 'Proc-Type: 4,ENCRYPTED\n\nAQID')],
    ['with spaces inside', block.replace('AQID', 'AQ ID')],
    ['indented', block.replace('AQID', '  AQID')],
    ['with CR alone', block.replaceAll('\n', '\r')],
    ['with CR inside a line', block.replace('AQID', 'AQ\rID')],
    ['with base64 for URLs', block.replace('AQID', 'A-_D')],
    ['with padding missing', block.replace('==', '')],
    ['with unused bits that are not zero', block.replace('BA==', 'BB==')],
    ['with something behind the END line', block.replace('KEY-----\n', 'KEY-----x\n').trimEnd()],
  ])('is refused %s', async (_, text) => {
    expect(await codeOf(text)).toBe('ERR_KEY_INVALID')
  })

  it('is refused wherever it is cut off', async () => {
    const { pem } = (await testPair('server')).publicKey
    // Only its final newline may be missing.
    for (let length = 0; length < pem.length - 1; length++) {
      expect(await codeOf(pem.slice(0, length)), `cut to ${length}`).toBe('ERR_KEY_INVALID')
    }
  })

  it('is not parsed when it is too long', async () => {
    const longest = block + ' '.repeat(16 * 1024 - block.length)
    expect(decodePem(longest).label).toBe('PUBLIC KEY')
    expect(await codeOf(`${longest} `)).toBe('ERR_KEY_LIMIT')
  })
})
