import { expect, it } from 'vitest'
import { publishFindings } from '../release.mjs'

const manifest = { name: 'a', repository: { type: 'git', url: 'https://host.example/a' } }
const ready = { manifests: [manifest], changesets: [], uncommitted: '' }

it('publishes what is versioned, committed, and says where it comes from', () => {
  expect(publishFindings(ready)).toEqual([])
})

it.each([
  { manifests: [manifest, { name: 'b' }] },
  { changesets: ['change.md'] },
  { uncommitted: ' M package.json' },
])('publishes nothing with %o', (state) => {
  expect(publishFindings({ ...ready, ...state })).toHaveLength(1)
})
