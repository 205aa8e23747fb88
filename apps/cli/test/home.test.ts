import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { homeFolder } from '../src/settings/home.js'
import { Home } from './support.js'

describe('the home folder', () => {
  it.each([
    ['/home/user', '/home/user'],
    ['', userInfo().homedir],
    ['somewhere', userInfo().homedir],
    [undefined, userInfo().homedir],
  ])('is, with HOME %j, %s', (named, expected) => {
    expect(homeFolder(named === undefined ? {} : { HOME: named })).toBe(expected)
  })

  it('has the config file in it where XDG_CONFIG_HOME is relative', async () => {
    const home = new Home()
    const folder = join(home.work, 'folder', 'nomyo')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'config.json'), 'nonsense')
    const { ended } = home.start(['servers', 'list'], { XDG_CONFIG_HOME: 'folder' })
    expect((await ended).code).toBe(0)
  })
})
