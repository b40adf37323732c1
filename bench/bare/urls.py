"""One address, nothing around it."""

from django.urls import path
from rest_framework import generics, parsers, renderers, serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework_simplejwt.authentication import JWTAuthentication

from bench.bare.models import Note


class NoteSerializer(serializers.ModelSerializer):
    """Both fields of the body, and what the answer shows."""

    class Meta:
        model = Note
        fields = ["id", "query_type", "query_params", "created_at"]


class NoteView(generics.CreateAPIView):
    """POST: the token's user is loaded, the body checked, one row inserted."""

    authentication_classes = [JWTAuthentication]
    permission_classes = [IsAuthenticated]
    parser_classes = [parsers.JSONParser]
    renderer_classes = [renderers.JSONRenderer]
    serializer_class = NoteSerializer

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        serializer.save(user_id=self.request.user.pk)


urlpatterns = [path("notes/", NoteView.as_view())]
