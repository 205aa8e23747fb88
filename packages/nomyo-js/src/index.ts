export * from '@nomyo/client'
