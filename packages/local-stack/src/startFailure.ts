import { ServerStartError } from './serverProcess.ts';

export interface StartFailureContext {
  name: string;
  port: number;
  dataFolder: string;
  logFile: string;
}

/**
 * Adds to the error of a server that did not start what to do about it, or where its data and log are.
 */
export function explainStartFailure(error: unknown, context: StartFailureContext): unknown {
  if (!(error instanceof ServerStartError)) {
    return error;
  }
  const { name, port, dataFolder, logFile } = context;
  if (error.isPortTaken) {
    return new Error(
      `Port ${port} was taken by another program while ${name} was starting, such as another npm start: stop that, or start again to use its ${name}.`,
      { cause: error },
    );
  }
  if (error.message.includes('DBPathInUse')) {
    return new Error(
      `${dataFolder} is used by another ${name}, such as that of another npm start: stop that, or set DATA_FOLDER in .env to another folder.`,
      { cause: error },
    );
  }
  return new Error(`${error.message} (data in ${dataFolder}, log in ${logFile})`, { cause: error });
}
