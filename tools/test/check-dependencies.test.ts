import { describe, expect, it } from 'vitest'
import { licenceFindings, listFindings } from '../check-dependencies.mjs'

const manifests = [
  { name: '@nomyo/a', dependencies: { '@nomyo/b': '1.0.0', one: '1.0.0', two: '1.0.0' } },
  { name: '@nomyo/b', dependencies: { one: '1.0.0' } },
]
const security = (rows: string): string =>
  `# Security\n\n| \`other\` | x | y |\n\n## Runtime dependencies\n\n| package | of | why |\n| --- | --- | --- |\n${rows}\n## More\n`

describe('listFindings', () => {
  it('has nothing against a list that is complete', () => {
    const rows = '| `one` | a, b (Node) | counts |\n| `two` | a | counts on |\n'
    expect(listFindings(security(rows), manifests)).toEqual([])
  })

  it.each([
    ['a dependency', '| `one` | a, b | counts |\n'],
    ['an owner', '| `one` | a | counts |\n| `two` | a | counts |\n'],
    ['a reason', '| `one` | a, b | counts |\n| `two` | a |  |\n'],
  ])('misses %s', (_, rows) => {
    expect(listFindings(security(rows), manifests)).toHaveLength(1)
  })

  it('finds what is listed and not there', () => {
    const rows = '| `one`, `two` | a | counts |\n| `one`, `three` | b | counts |\n'
    expect(listFindings(security(rows), manifests)).toEqual([expect.stringContaining('three of b')])
  })
})

describe('licenceFindings', () => {
  it('lets permissive licences pass, also as an alternative', () => {
    const named = [{ name: 'a' }]
    expect(licenceFindings({ MIT: named, ISC: named, '(GPL-2.0 OR MIT)': named })).toEqual([])
  })

  it.each(['GPL-3.0', 'MIT AND GPL-3.0', 'Unknown'])('names what is under %s', (licence) => {
    expect(licenceFindings({ MIT: [{ name: 'a' }], [licence]: [{ name: 'b' }] })).toHaveLength(1)
  })
})
