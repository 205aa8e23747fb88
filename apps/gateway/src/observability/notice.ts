/** What a gateway has to say to people, when it starts and when its TPM comes or goes. */
export type Notice = (message: string) => void
