#ifndef KMEM_HELPER_ENCODED_H
#define KMEM_HELPER_ENCODED_H

/* `kmem-helper exec DIRECTORY NAME=VALUE… -- PROGRAM ARGUMENT…`: executes that program, with words of any bytes. */
int exec_encoded(char **words);

#endif
