#include <utility>

#include "api/schema_build.h"

namespace gb::api::build {
namespace {

Schema owner_reference() {
  return object(
      "One object that this object depends on; the garbage collector deletes this object when all "
      "of its owners are gone.",
      {required("apiVersion", text("The API group and version of the owner.")),
       required("kind", text("The kind of the owner.")),
       required("name", text("The name of the owner, which lives in the same namespace or in "
                             "none.")),
       required("uid", text("The uid of the owner: a new object of the same name is another one.")),
       field("controller", boolean("Whether the owner is the one that manages this object.")),
       field("blockOwnerDeletion",
             boolean("Whether a foreground deletion of the owner waits until this object is "
                     "gone."))});
}

Schema managed_fields_entry() {
  return object(
      "Which manager set which fields. This server does not record managers yet.",
      {field("manager", text("Who set the fields.")), field("operation", text("Apply or Update.")),
       field("apiVersion", text("The version in which the fields are named.")),
       field("time", text("When they were set.", SchemaFormat::kDateTime)),
       field("fieldsType", text("The format of fieldsV1: FieldsV1.")),
       field("fieldsV1", any("The set of fields.")),
       field("subresource", text("The subresource through which they were set."))});
}

}  // namespace

Schema object_meta() {
  return object(
      "What every object carries: its name, its labels, and what the server keeps about it.",
      {field("annotations", map("Free-form notes for people and tools; not used to select objects.",
                                text("The value of the annotation."))),
       field("creationTimestamp",
             text("When the object was created; set by the server.", SchemaFormat::kDateTime)),
       field("deletionGracePeriodSeconds",
             integer("How long a deletion waits for a graceful end; set by the server.")),
       field("deletionTimestamp",
             text("When deletion was asked for; the object goes when its finalizers are gone. Set "
                  "by the server.",
                  SchemaFormat::kDateTime)),
       field("finalizers",
             merged_by_patch(list(
                 "Who must still act before a deleted object goes; each removes its own entry.",
                 text("The qualified name of the finalizer."), "set"))),
       field("generateName",
             text("A prefix from which the server makes a unique name when name is not given.")),
       field("generation",
             integer("Counts the changes of the wanted state (spec); set by the server.")),
       field("labels", map("Keys and values by which objects are selected.",
                           text("The value of the label."))),
       field("managedFields",
             list("Which manager set which fields. This server does not record managers yet, and "
                  "leaves out what it is sent.",
                  managed_fields_entry())),
       field("name", text("The name, unique among the objects of its kind in the namespace: a DNS "
                          "subdomain, lower case, at most 253 characters. It cannot be changed.")),
       field("namespace", text("The namespace of the object. It cannot be changed.")),
       field("ownerReferences", merged_by_patch(list("The objects that this object depends on.",
                                                     owner_reference(), "map", {"uid"}))),
       field("resourceVersion",
             text("The version of this state, for optimistic concurrency and watches; opaque, set "
                  "by the server.")),
       field("selfLink", text("Not used any more; the server leaves it out.")),
       field("uid", text("Identifies the object over all time; set by the server."))});
}

Schema list_meta() {
  return object(
      "What every list carries.",
      {field("continue", text("The token to ask for the next page with; empty at the end.")),
       field("remainingItemCount",
             integer("How many objects come after this page; absent when it is not known.")),
       field("resourceVersion", text("The version of the list, from which a watch can go on.")),
       field("selfLink", text("Not used any more; the server leaves it out."))});
}

Schema conditions() {
  return merged_by_patch(
      list("What has been found out about the object, one entry for each type.",
           object("One observation.",
                  {required("type", text("What was observed, such as Completed or Verified.")),
                   required("status", text("True, False or Unknown.")),
                   required("lastTransitionTime",
                            text("When the status changed last.", SchemaFormat::kDateTime)),
                   required("reason", text("One word that tells why, for programs.")),
                   required("message", text("A sentence that tells why, for people."))}),
           "map", {"type"}));
}

Schema job_progress() {
  return object("How far the work has come.",
                {field("percent", integer("The part of the work that is done, from 0 to 100.")),
                 field("rows", integer("Rows handled so far.")),
                 field("bytes", integer("Bytes of rows handled so far, before compression.")),
                 field("tables", object("Tables handled so far.",
                                        {field("done", integer("Tables that are finished.")),
                                         field("total", integer("Tables that there are."))})),
                 field("bytesPerSecond", integer("Bytes a second, over the last few seconds."))});
}

Schema run_as() {
  return object(
      "Whom the runs act as: who created this. Each run is authorized anew.",
      {field("username", text("The name of the user.")),
       field("uid", text("The id of the user, where there is one.")),
       field("groups", list("The groups of the user.", text("A group."))),
       field("extra", map("What the authenticator added.", list("Values.", text("A value."))))});
}

Schema cancellation() {
  return object("Who asked for the work to be cancelled, and when.",
                {field("time", text("When it was asked for.", SchemaFormat::kDateTime)),
                 field("user", text("The user who asked."))});
}

Schema executor() {
  return object(
      "The server process that runs or ran the work.",
      {field("id", text("Its id, new with every start.")), field("host", text("Where it runs.")),
       field("pidNamespace", text("The namespace of its process id.")),
       field("pid", integer("Its process id.")),
       field("processStart", text("When it started, by its machine's count.")),
       field("renewals", integer("Counts up as long as it lives.")),
       field("tookOver", boolean("Set by a server that ends the work of another one, which gave "
                                 "no sign of life."))});
}

Schema whole_object(std::string description, std::vector<Property> rest) {
  std::vector<Property> properties = {
      field("apiVersion", text("The API group and version of this object: backup.rhoso.io/"
                               "v1beta1.")),
      field("kind", text("The kind of this object.")), field("metadata", object_meta())};
  for (Property& property : rest) properties.push_back(std::move(property));
  return object(std::move(description), std::move(properties));
}

}  // namespace gb::api::build
